import {
  BackendError,
  bytesPerElement,
  checkPart,
  describeType,
  elementCount,
  byteLength,
  type Backend,
  type BackendBuffer,
  type BackendLost,
  type BufferPart,
  type Capabilities,
  type Executable,
  type HostArray,
  type Program,
  type TensorType,
} from "@sft/kernels";
import { compileProgram, type CompileContext } from "./compileProgram.ts";
import { DeviceFaults } from "./deviceFaults.ts";
import { timeDispatches, type KernelTiming } from "./dispatchTimer.ts";
import { encodeDispatches, type GpuExecutable } from "./executable.ts";
import { asGpuTensor, isFreed, paddedBytes, PART_ALIGNMENT, TENSOR_USAGE, type GpuTensor } from "./gpuBuffer.ts";
import { toDeviceArray, toHostArray } from "./hostData.ts";
import { opEmitters } from "./ops/index.ts";
import { PipelineCache } from "./pipelineCache.ts";
import { ScratchPool } from "./scratchPool.ts";
import { MAX_STAGING_BYTES, StagingRing } from "./stagingRing.ts";
import { measureProduct } from "./tuning/measureProduct.ts";
import { TileTuner, type TileStore } from "./tuning/tileTuner.ts";

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

export interface WebGpuBackendOptions {
  readonly device: GPUDevice;
  /** Defaults to what the device says of its adapter. */
  readonly adapterInfo?: AdapterInfo;
  /** Artificial limit on the bytes of one binding; tests set it to see tensors worked on in row ranges. */
  readonly maxBindingBytes?: number;
  /**
   * "mixed" stages the operands of products as float16 and sums them in float32 on the device's matrix units, where it has any
   * (16x16x16, float16 to float32, subgroups of 32); everything else stays float32. Default "float32".
   */
  readonly precision?: Precision;
  /**
   * Told the device time of every kernel launch of each run, once the device is done with it. Runs are slower with it: nothing
   * overlaps. Without the feature "timestamp-query" it is never called.
   */
  readonly profile?: (timings: readonly KernelTiming[]) => void;
  /**
   * Sleep through most of the usual wait for a step's figures. For Dawn in Node, which asks the device over and over while a read is
   * awaited, and takes a whole core for it; not for browsers, where timers of pages in the background are slow. Default false.
   */
  readonly sleepsBeforeReads?: boolean;
  /**
   * Choose the tiles of products by timing them on the device before the first program that needs them is compiled, and keep the
   * choices here. Another tile may add up a sum in other parts, so a run repeats to the bit only with the same choices. Default:
   * tiles follow the tables, and nothing is timed.
   */
  readonly tiles?: TileStore;
  /** Destroy the device in `dispose`. */
  readonly ownsDevice?: boolean;
}

export type Precision = "float32" | "mixed";

/** Drivers that compute on the processor under a GPU's interface. */
const SOFTWARE_ADAPTER = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|software|\bcpu\b/i;

/** Bindings stay below 2^31 bytes: some drivers miscount longer ones. */
const LARGEST_BINDING = 2 ** 31 - 256;

/**
 * A Backend on any GPUDevice. The device should have been requested with the adapter's own limits; on a device with WebGPU's
 * default limits large tensors are worked on in more pieces. The caller keeps the device unless `ownsDevice` is set.
 */
export async function createWebGpuBackend(options: WebGpuBackendOptions): Promise<Backend> {
  return new WebGpuBackend(options);
}

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

class WebGpuBackend implements Backend {
  readonly capabilities: Capabilities;
  readonly lost: Promise<BackendLost>;
  private readonly device: GPUDevice;
  private readonly ownsDevice: boolean;
  private readonly profile: ((timings: readonly KernelTiming[]) => void) | undefined;
  private readonly context: CompileContext;
  private readonly faults: DeviceFaults;
  private readonly staging: StagingRing;
  private readonly buffers = new Set<BackendBuffer>();
  private readonly executables = new Set<Executable>();
  private readonly tuner: TileTuner | undefined;
  private disposed = false;

  constructor({
    device,
    adapterInfo = device.adapterInfo,
    maxBindingBytes,
    precision = "float32",
    profile,
    sleepsBeforeReads = false,
    tiles,
    ownsDevice = false,
  }: WebGpuBackendOptions) {
    this.device = device;
    this.profile = device.features.has("timestamp-query") ? profile : undefined;
    this.ownsDevice = ownsDevice;
    this.faults = new DeviceFaults(device);
    this.lost = this.faults.lost;
    const queue = device.queue;
    const bindable = Math.min(
      device.limits.maxStorageBufferBindingSize,
      device.limits.maxBufferSize,
      LARGEST_BINDING,
      maxBindingBytes ?? Infinity,
    );
    const limits = {
      maxBindingBytes: bindable - (bindable % 256),
      maxWorkgroupsPerDimension: device.limits.maxComputeWorkgroupsPerDimension,
      maxInvocationsPerWorkgroup: device.limits.maxComputeInvocationsPerWorkgroup,
      workgroupStorageBytes: device.limits.maxComputeWorkgroupStorageSize,
      matrixUnits: precision === "mixed" && hasMatrixUnits(device, adapterInfo),
    };
    const words = [adapterInfo.vendor, adapterInfo.architecture, adapterInfo.device, adapterInfo.description].filter(Boolean).join(" ");
    this.capabilities = {
      backend: "webgpu",
      adapter: adapterInfo.device || adapterInfo.description || words || "unknown adapter",
      hardwareAccelerated: !adapterInfo.isFallbackAdapter && !SOFTWARE_ADAPTER.test(words),
      float64: false,
      ...(limits.matrixUnits ? { productRoundoff: 2 ** -11 } : {}),
      halfWeights: device.features.has("shader-f16"),
      maxBindingBytes: limits.maxBindingBytes,
      partAlignment: PART_ALIGNMENT,
      ops: new Set(opEmitters.keys()),
      deterministic: true,
    };
    this.staging = new StagingRing(device, queue, this.faults, sleepsBeforeReads);
    const context = {
      device,
      queue,
      limits,
      faults: this.faults,
      pipelines: new PipelineCache(device, this.faults),
      scratchPool: new ScratchPool(device),
      buffers: this.buffers,
    };
    this.tuner = tiles && new TileTuner(limits, tiles, (product, tile, budget) => measureProduct(context, product, tile, budget));
    this.context = this.tuner ? { ...context, limits: { ...limits, tiles: this.tuner.tiles } } : context;
  }

  allocate(type: TensorType, part?: BufferPart): BackendBuffer {
    this.expectAlive();
    if (part) return this.allocatePart(type, part);
    const bytes = paddedBytes(byteLength(type));
    if (bytes > this.device.limits.maxBufferSize) {
      throw new BackendError(
        "out-of-memory",
        `allocating ${bytes} bytes for ${describeType(type)}: the device makes no buffer over ${this.device.limits.maxBufferSize} bytes`,
      );
    }
    let gpu: GPUBuffer | undefined;
    const outcome = this.faults.scoped(`allocating ${bytes} bytes for ${describeType(type)}`, () => {
      gpu = this.device.createBuffer({ size: bytes, usage: TENSOR_USAGE });
    });
    outcome.catch((error: Error) => this.faults.record(error, "allocating"));
    const tensor: GpuTensor = { dtype: type.dtype, length: elementCount(type.shape), gpu: gpu!, byteOffset: 0, freed: false };
    this.buffers.add(tensor);
    return tensor;
  }

  private allocatePart(type: TensorType, part: BufferPart): GpuTensor {
    const whole = asGpuTensor(part.of, this.buffers);
    checkPart(type, part, PART_ALIGNMENT);
    const byteOffset = part.firstElement * bytesPerElement(type.dtype);
    const tensor: GpuTensor = { dtype: type.dtype, length: elementCount(type.shape), gpu: whole.gpu, byteOffset, part, freed: false };
    this.buffers.add(tensor);
    return tensor;
  }

  free(resource: BackendBuffer | Executable): void {
    if (this.executables.delete(resource as Executable)) {
      const executable = resource as GpuExecutable;
      executable.freed = true;
      executable.scratch.release();
      executable.parameters?.destroy();
      return;
    }
    // Nothing is left to give back of a part whose whole went before it.
    if (this.buffers.has(resource as BackendBuffer) && isFreed(resource as GpuTensor)) return;
    const tensor = asGpuTensor(resource as BackendBuffer, this.buffers);
    this.buffers.delete(tensor);
    tensor.freed = true;
    if (!tensor.part) tensor.gpu.destroy();
  }

  upload(buffer: BackendBuffer, data: HostArray, elementOffset: number = 0): void {
    this.expectAlive();
    const tensor = asGpuTensor(buffer, this.buffers);
    const array = toDeviceArray(tensor.dtype, data);
    expectRange("upload", tensor, elementOffset, array.length);
    const size = bytesPerElement(tensor.dtype);
    if ((elementOffset * size) % 4 !== 0 || (array.byteLength % 4 !== 0 && elementOffset + array.length !== tensor.length)) {
      throw new BackendError(
        "bad-buffer",
        `upload of ${array.length} ${tensor.dtype} at ${elementOffset}: pieces of 2-byte elements must be whole words`,
      );
    }
    if (array.length === 0) return;
    let bytes = new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
    if (bytes.length % 4 !== 0) {
      const padded = new Uint8Array(paddedBytes(bytes.length));
      padded.set(bytes);
      bytes = padded;
    }
    // In parts, each followed by a submit: the driver gives back the copy that it keeps of a part when that submit is done.
    for (let at = 0; at < bytes.length; at += MAX_STAGING_BYTES) {
      this.context.queue.writeBuffer(
        tensor.gpu,
        tensor.byteOffset + elementOffset * size + at,
        bytes,
        at,
        Math.min(MAX_STAGING_BYTES, bytes.length - at),
      );
      if (bytes.length > MAX_STAGING_BYTES) this.context.queue.submit([]);
    }
  }

  async download(buffer: BackendBuffer, elementOffset: number = 0, length?: number): Promise<HostArray> {
    this.expectAlive();
    const tensor = asGpuTensor(buffer, this.buffers);
    const count = length ?? tensor.length - elementOffset;
    expectRange("download", tensor, elementOffset, count);
    if (count === 0) return toHostArray(tensor.dtype, new ArrayBuffer(0));
    const size = bytesPerElement(tensor.dtype);
    const start = tensor.byteOffset + elementOffset * size;
    const firstByte = start - (start % 4);
    const bytes = paddedBytes(start + count * size - firstByte);
    const result = new Uint8Array(bytes);
    // All parts are queued now, so that later runs and uploads cannot change what is read.
    const parts: Promise<void>[] = [];
    for (let at = 0; at < bytes; at += MAX_STAGING_BYTES) {
      const part = Math.min(MAX_STAGING_BYTES, bytes - at);
      parts.push(this.staging.read(tensor.gpu, firstByte + at, part).then((data) => result.set(new Uint8Array(data), at)));
    }
    await Promise.all(parts);
    this.faults.check();
    return toHostArray(tensor.dtype, result.buffer.slice(start - firstByte, start - firstByte + count * size));
  }

  async compile(program: Program, bindings: ReadonlyMap<string, BackendBuffer>): Promise<Executable> {
    this.expectAlive();
    await this.tuner?.prepare(program);
    const executable = await compileProgram(this.context, program, bindings);
    this.expectAlive();
    this.executables.add(executable);
    return executable;
  }

  run(executable: Executable): void {
    this.expectAlive();
    const compiled = executable as GpuExecutable;
    if (compiled.freed) throw new BackendError("buffer-freed", `program ${compiled.program.name} was run after it was freed`);
    if (!this.executables.has(executable))
      throw new BackendError("bad-buffer", `program ${compiled.program.name} was not compiled by this backend`);
    for (const { name, tensor } of compiled.bound) {
      if (isFreed(tensor))
        throw new BackendError("buffer-freed", `program ${compiled.program.name} was run after the buffer of ${name} was freed`);
    }
    if (this.profile) this.faults.orLost(timeDispatches(this.device, this.context.queue, compiled)).then(this.profile, () => undefined);
    else encodeDispatches(this.device, this.context.queue, compiled.dispatches);
  }

  async sync(): Promise<void> {
    this.expectAlive();
    await this.faults.orLost(this.context.queue.onSubmittedWorkDone());
    this.faults.check();
  }

  async dispose(): Promise<void> {
    if (this.disposed) return;
    for (const executable of this.executables) this.free(executable);
    for (const buffer of this.buffers) this.free(buffer);
    this.staging.destroy();
    this.disposed = true;
    if (this.ownsDevice) {
      this.device.destroy();
      await this.lost;
    }
  }

  private expectAlive(): void {
    if (this.disposed) throw new BackendError("device-lost", "the backend was disposed", { hint: "Make a new one." });
    this.faults.check();
  }
}

function expectRange(act: string, tensor: GpuTensor, start: number, count: number): void {
  if (!Number.isInteger(start) || !Number.isInteger(count) || start < 0 || count < 0 || start + count > tensor.length) {
    throw new BackendError("bad-buffer", `${act} of ${count} elements at ${start}: the buffer holds ${tensor.length}`);
  }
}
