import { expectedAdapter } from "@sft/software-gpu";
import { describe } from "vitest";

/** The adapter that this package's tests run on; `reason` says why there is none. */
export const testAdapter: Awaited<ReturnType<typeof expectedAdapter>> = await expectedAdapter();

/** Options for `createBackend` in tests: with Dawn's bounds checks, on the adapter that the environment names. */
export const testDeviceOptions: { readonly robust: true; readonly adapter?: string } = {
  robust: true,
  ...(process.env["SFT_EXPECT_ADAPTER"] && testAdapter.adapter ? { adapter: testAdapter.adapter } : {}),
};

/** A suite that needs a GPU: names the adapter it ran on, or why it did not run. */
export function describeOnGpu(name: string, body: () => void): void {
  if (testAdapter.adapter === null) describe.skip(`${name} (no adapter: ${testAdapter.reason})`, body);
  else describe(`${name} on ${testAdapter.adapter}`, body);
}
