import { BackendError } from "@sft/kernels";

export interface NodeDeviceOptions {
  /** Part of a device's name as it is spelled there, such as "NVIDIA"; the first adapter otherwise. */
  readonly adapter?: string;
  /** Graphics interface; Dawn's choice for the platform otherwise. */
  readonly graphics?: "vulkan" | "metal" | "d3d12" | "null";
  /** Keep Dawn's bounds checks in shaders, for tests. Training goes without: the kernels check their own. */
  readonly robust?: boolean;
}

export interface NodeDevice {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
}

/**
 * Objects that `create` returned, by their options. Kept for ever: Dawn crashes when one is collected while anything made from it
 * lives. Devices with the same options share one.
 */
const instances = new Map<string, GPU>();

/**
 * Toggles of Dawn: float16 on NVIDIA and the flag that it asks for; no clearing of workgroup memory, which no kernel reads before
 * it wrote it (on SwiftShader the clearing makes a pipeline take seconds to build).
 */
const ENABLED = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia", "disable_workgroup_init"];
/** Checks that the kernels do without: they test their own bounds and divide integers by nothing that is 0. */
const ENABLED_UNCHECKED = ["disable_robustness", "disable_polyfills_on_integer_div_and_mod"];
const DISABLED = ["timestamp_quantization", "enable_spirv_validation"];

const FEATURES = ["shader-f16", "subgroups", "timestamp-query", "chromium-experimental-subgroup-matrix"] as readonly GPUFeatureName[];

/**
 * A device of npm `webgpu` with everything that its adapter offers: all limits, float16 and subgroups where there are any.
 * @throws BackendError "no-adapter" with what to look at.
 */
export async function createNodeDevice({ adapter: name, graphics, robust = false }: NodeDeviceOptions = {}): Promise<NodeDevice> {
  const toggles = robust ? ENABLED : [...ENABLED, ...ENABLED_UNCHECKED];
  if (!graphics && lacksVulkanLoader()) throw noAdapter(name, graphics, undefined);
  const gpu = await instanceWith([
    ...(graphics ? [`backend=${graphics}`] : []),
    ...(name ? [`adapter=${name}`] : []),
    `enable-dawn-features=${toggles.join()}`,
    `disable-dawn-features=${DISABLED.join()}`,
  ]);
  let adapter: GPUAdapter | null = null;
  let cause: unknown;
  try {
    adapter = await gpu.requestAdapter({ featureLevel: "core", powerPreference: "high-performance" });
  } catch (error) {
    cause = error;
  }
  if (!adapter) throw noAdapter(name, graphics, cause);
  const requiredLimits: Record<string, number> = {};
  for (const limit in adapter.limits) {
    const value = adapter.limits[limit as keyof GPUSupportedLimits];
    if (typeof value === "number") requiredLimits[limit] = value;
  }
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits,
  });
  return { device, info: adapter.info };
}

async function instanceWith(options: string[]): Promise<GPU> {
  const key = options.join(" ");
  let gpu = instances.get(key);
  if (!gpu) instances.set(key, (gpu = (await loadDawn())(options)));
  return gpu;
}

/** Without Vulkan's loader Dawn has nothing to offer on Linux, and prints so from C++: better not to ask it. */
function lacksVulkanLoader(): boolean {
  if (process.platform !== "linux") return false;
  try {
    process.dlopen({ exports: {} } as unknown as NodeJS.Module, "libvulkan.so.1");
  } catch (error) {
    // A library that is there is loaded, and then found not to be a module of Node's.
    return !String(error).includes("did not self-register");
  }
  return false;
}

/** `create` of npm `webgpu`, loaded on first use: its binary does not exist for every platform. */
async function loadDawn(): Promise<typeof import("webgpu").create> {
  try {
    return (await import("webgpu")).create;
  } catch (cause) {
    throw new BackendError(
      "no-adapter",
      `npm webgpu cannot be loaded on ${process.platform} ${process.arch}: ${(cause as Error).message}`,
      {
        hint: "It has binaries for linux, darwin and win32 on x64 and arm64. Without a GPU, the cpu backend trains small models.",
        cause,
      },
    );
  }
}

function noAdapter(name: string | undefined, graphics: string | undefined, cause: unknown): BackendError {
  const wanted = [name && `named ${JSON.stringify(name)}`, graphics && `through ${graphics}`].filter(Boolean).join(" ");
  const hints = [
    process.platform === "linux"
      ? "On Linux a Vulkan driver and its loader (libvulkan.so.1) are needed: `vulkaninfo --summary` lists what is there."
      : "",
    name ? "The name is compared with the device's own; leave it out to take the first adapter." : "",
    "Without a GPU, the cpu backend trains small models.",
  ];
  return new BackendError(
    "no-adapter",
    `no WebGPU adapter${wanted ? ` ${wanted}` : ""} was found${cause instanceof Error ? `: ${cause.message}` : ""}`,
    { hint: hints.filter(Boolean).join("\n"), cause },
  );
}
