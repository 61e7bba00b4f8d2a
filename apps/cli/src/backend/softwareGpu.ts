/**
 * Sets up the software GPU that the repository's tests bring along, for `--backend webgpu` on a machine without a GPU.
 * It proves kernels and is far too slow to train with. @returns its name, null where it is not installed or cannot run
 */
export async function setUpSoftwareGpu(): Promise<string | null> {
  try {
    const { useSoftwareGpu } = await import("@sft/software-gpu");
    return (await useSoftwareGpu()).adapter;
  } catch {
    return null;
  }
}
