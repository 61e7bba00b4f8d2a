import { constants } from "node:os";
import { join } from "node:path";
import { SoftwareGpuError } from "./softwareGpuError.ts";
import { unpackSwiftShader } from "./unpackSwiftShader.ts";

/** The software GPU as this process now sees it. */
export interface SoftwareGpu {
  /** "google swiftshader". */
  readonly adapter: string;
}

/** glibc's RTLD_NODELETE: the loader stays in memory although Node gives the handle back. */
const RTLD_NODELETE = 0x1000;

let ready: Promise<SoftwareGpu> | undefined;

/**
 * Makes SwiftShader this process's only Vulkan device, for whoever requests an adapter from npm `webgpu` afterwards. Must run
 * before the first adapter request and on the main thread, since a worker's environment does not reach the Vulkan loader.
 * @throws SoftwareGpuError when the platform has no build or no adapter comes.
 */
export function useSoftwareGpu(): Promise<SoftwareGpu> {
  return (ready ??= load());
}

async function load(): Promise<SoftwareGpu> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new SoftwareGpuError(
      "unsupported-platform",
      `SwiftShader is packaged for linux x64, this is ${process.platform} ${process.arch}`,
      "Run the tests on a machine with a GPU, or on linux x64.",
    );
  }
  const folder = unpackSwiftShader();
  const driver = join(folder, "vk_swiftshader_icd.json");
  process.env["VK_ICD_FILENAMES"] = driver;
  process.env["VK_DRIVER_FILES"] = driver;
  try {
    process.dlopen(
      { exports: {} } as unknown as NodeJS.Module,
      join(folder, "libvulkan.so.1"),
      constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE,
    );
  } catch (error) {
    // A plain library registers no Node module: that complaint comes after it was loaded.
    if (!String(error).includes("did not self-register")) {
      throw new SoftwareGpuError("archive", `cannot load ${folder}/libvulkan.so.1`, "Delete that folder, it is unpacked again.", error);
    }
  }
  const { create } = await import("webgpu");
  const gpu = create(["backend=vulkan"]);
  const adapter = await gpu.requestAdapter();
  if (!adapter)
    throw new SoftwareGpuError(
      "no-adapter",
      "SwiftShader was loaded but offers no WebGPU adapter",
      "Is another Vulkan loader forced by LD_PRELOAD or LD_LIBRARY_PATH?",
    );
  keptAlive.push(gpu);
  return { adapter: `${adapter.info.vendor} ${adapter.info.architecture}`.trim() };
}

/** Dawn crashes when an instance is collected while something made from it lives. */
const keptAlive: GPU[] = [];
