import type { Capabilities } from "@sft/kernels";
import type { KernelLimits } from "./dispatch.ts";
import { PART_ALIGNMENT } from "./gpuBuffer.ts";
import { opEmitters } from "./ops/index.ts";

/** What a device calls itself; GPUAdapterInfo has these. */
export type AdapterInfo = Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description"> & {
  readonly isFallbackAdapter?: boolean;
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  /** Shapes of the matrix units, as Dawn tells them. */
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
};

export type Precision = "float32" | "mixed";

/** Drivers that compute on the processor under a GPU's interface. */
const SOFTWARE_ADAPTER = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|software|\bcpu\b/i;

/** Bindings stay below 2^31 bytes: some drivers miscount longer ones. */
const LARGEST_BINDING = 2 ** 31 - 256;

/** Multiprocessors of whole devices by the names that Dawn has for them; WebGPU does not tell. */
const MULTIPROCESSORS: ReadonlyMap<string, number> = new Map([
  ["nvidia-h100-80gb-hbm3", 132],
  ["nvidia-h200", 132],
]);

/** Workgroups of large blocks that the registers of a multiprocessor hold. */
const LARGE_WORKGROUPS = 2;

/** Storage buffers that a kernel for matrix units may bind. */
const MATRIX_UNIT_BUFFERS = 10;

/** Whether the kernels' one shape is there: 16x16x16 with float16 operands and float32 sums, for subgroups of 32. */
function hasMatrixUnits(device: GPUDevice, info: AdapterInfo): boolean {
  const shapes = [...(info.subgroupMatrixConfigs ?? [])];
  return (
    device.features.has("shader-f16") &&
    device.features.has("chromium-experimental-subgroup-matrix") &&
    info.subgroupMaxSize === 32 &&
    device.limits.maxStorageBuffersPerShaderStage >= MATRIX_UNIT_BUFFERS &&
    shapes.some(
      ({ componentType, resultComponentType, M, N, K }) =>
        componentType === "f16" && resultComponentType === "f32" && M === 16 && N === 16 && K === 16,
    )
  );
}

/** What kernels must keep to on this device. */
export function limitsOf(
  device: GPUDevice,
  info: AdapterInfo,
  { precision, maxBindingBytes = Infinity }: { readonly precision: Precision; readonly maxBindingBytes?: number | undefined },
): KernelLimits {
  const { limits } = device;
  const bindable = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, LARGEST_BINDING, maxBindingBytes);
  const multiprocessors = MULTIPROCESSORS.get(info.device);
  return {
    maxBindingBytes: bindable - (bindable % 256),
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    workgroupStorageBytes: limits.maxComputeWorkgroupStorageSize,
    matrixUnits: precision === "mixed" && hasMatrixUnits(device, info),
    ...(multiprocessors === undefined ? {} : { largeWorkgroupsAtOnce: LARGE_WORKGROUPS * multiprocessors }),
  };
}

/**
 * On an H100, held copies save 2.5 % of a step of full fine-tuning for 6 % of its memory at 1 B (weights of 2^20 to 2^24 elements), and
 * 1.3 % for 4 % at 135 M (at most 0.9 million), where they are left out.
 */
export const HALF_COPIES_FROM: number = 2 ** 20;

/** What the backend tells its callers of this device. */
export function capabilitiesOf(device: GPUDevice, info: AdapterInfo, limits: KernelLimits): Capabilities {
  const words = [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" ");
  return {
    backend: "webgpu",
    adapter: info.device || info.description || words || "unknown adapter",
    hardwareAccelerated: !info.isFallbackAdapter && !SOFTWARE_ADAPTER.test(words),
    float64: false,
    ...(limits.matrixUnits ? { productRoundoff: 2 ** -11 } : {}),
    halfWeights: device.features.has("shader-f16"),
    halfCopiesFrom: HALF_COPIES_FROM,
    maxBindingBytes: limits.maxBindingBytes,
    partAlignment: PART_ALIGNMENT,
    ops: new Set(opEmitters.keys()),
    deterministic: true,
  };
}
