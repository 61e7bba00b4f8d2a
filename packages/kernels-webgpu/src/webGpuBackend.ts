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
import { capabilitiesOf, limitsOf, type AdapterInfo, type Precision } from "./deviceAbilities.ts";
import { DeviceFaults } from "./deviceFaults.ts";
import { timeDispatches, type KernelTiming } from "./dispatchTimer.ts";
import { encodeDispatches, type GpuExecutable } from "./executable.ts";
import { asGpuTensor, isFreed, paddedBytes, PART_ALIGNMENT, TENSOR_USAGE, type GpuTensor } from "./gpuBuffer.ts";
import { PipelineCache } from "./pipelineCache.ts";
import { ScratchPool } from "./scratchPool.ts";
import { StagingRing } from "./stagingRing.ts";
import { downloadFrom, uploadTo } from "./transfers.ts";
import { measureProduct } from "./tuning/measureProduct.ts";
import { TileTuner, type TileStore } from "./tuning/tileTuner.ts";

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

/**
 * A Backend on any GPUDevice. The device should have been requested with the adapter's own limits; on a device with WebGPU's
 * default limits large tensors are worked on in more pieces. The caller keeps the device unless `ownsDevice` is set.
 */
export async function createWebGpuBackend(options: WebGpuBackendOptions): Promise<Backend> {
  return new WebGpuBackend(options);
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
    const limits = limitsOf(device, adapterInfo, { precision, maxBindingBytes });
    this.capabilities = capabilitiesOf(device, adapterInfo, limits);
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
    uploadTo(this.context.queue, tensor, data, elementOffset);
  }

  async download(buffer: BackendBuffer, elementOffset: number = 0, length?: number): Promise<HostArray> {
    this.expectAlive();
    const tensor = asGpuTensor(buffer, this.buffers);
    const data = await downloadFrom(this.staging, tensor, elementOffset, length);
    this.faults.check();
    return data;
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
