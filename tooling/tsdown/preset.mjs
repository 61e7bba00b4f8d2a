// The one build configuration: ES modules with declarations and source maps, dependencies left outside the bundle.
import { defineConfig } from "tsdown";

/**
 * @param {Record<string, string> | string[]} entry file(s) under src that become dist/<name>.js
 * @param {string[]} neverBundle packages of a development checkout that are imported where they are there
 */
export function preset(entry = { index: "src/index.ts" }, neverBundle = []) {
  return defineConfig({
    entry,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    dts: true,
    sourcemap: true,
    clean: true,
    treeshake: true,
    inputOptions: { resolve: { conditionNames: ["import", "default"] } },
    deps: { neverBundle: [/^node:/, ...neverBundle] },
    outExtensions: () => ({ js: ".js", dts: ".d.ts" }),
  });
}
