import { defineConfig } from "vitest/config";

/**
 * The one vitest configuration: tests sit beside the source and read every workspace package from source.
 * @param {import("vitest/config").ViteUserConfig["test"]} overrides
 */
export function preset(overrides = {}) {
  return defineConfig({
    resolve: { conditions: ["@sft/source"] },
    ssr: { resolve: { conditions: ["@sft/source"] } },
    test: {
      include: ["src/**/*.test.ts"],
      pool: "forks",
      maxWorkers: 2,
      testTimeout: 60_000,
      hookTimeout: 120_000,
      ...overrides,
    },
  });
}
