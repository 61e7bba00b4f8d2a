import { useSoftwareGpu } from "./softwareGpu.ts";

/** Whether GPU tests can run in this process, and if not, why. */
export type AdapterExpectation = { readonly adapter: string } | { readonly adapter: null; readonly reason: string };

/**
 * The adapter for GPU tests. SFT_EXPECT_ADAPTER (part of an adapter's name as the driver spells it, such as "NVIDIA") asks for the machine's own
 * adapter; otherwise the software GPU is set up. Without an adapter this throws when CI or SFT_EXPECT_ADAPTER is set, so that a
 * promised GPU cannot go missing quietly, and gives the reason for a skip elsewhere.
 */
export async function expectedAdapter(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<AdapterExpectation> {
  const expected = environment["SFT_EXPECT_ADAPTER"];
  if (expected && !/swiftshader|software/i.test(expected)) return { adapter: expected };
  try {
    return await useSoftwareGpu();
  } catch (error) {
    if (environment["CI"] || expected) throw error;
    return { adapter: null, reason: (error as Error).message };
  }
}
