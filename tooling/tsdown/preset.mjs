// The one build configuration: ES modules with declarations and source maps, dependencies left outside the bundle.
import { defineConfig } from "tsdown";

/** @param {Record<string, string> | string[]} entry file(s) under src that become dist/<name>.js */
export function preset(entry = { index: "src/index.ts" }) {
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
    deps: { neverBundle: [/^node:/] },
    outExtensions: () => ({ js: ".js", dts: ".d.ts" }),
  });
}
