import {
  type Backend,
  BackendError,
  type BackendBuffer,
  type BackendLost,
  type BufferPart,
  type Capabilities,
  checkPart,
  elementCount,
  type Executable,
  externalTensors,
  type HostArray,
  lowerProgram,
  opTable,
  planMemory,
  type Program,
  type TensorType,
  validateProgram,
} from "@sft/kernels";
import { Arena } from "./arena.ts";
import { CpuBuffer } from "./buffer.ts";
import { expectBinding, expectBuffer, expectData, expectRange } from "./bufferChecks.ts";
import { type Precision, storedBytes, viewElements } from "./elements.ts";
import { CpuExecutable } from "./executable.ts";
import { createKernels } from "./kernels.ts";
import type { Kernel } from "./kernel.ts";
import { measureScratch, placeProgram, slotBytes, type Step } from "./placedProgram.ts";
import { chooseThreads, isWorthThreads } from "./threads/chooseThreads.ts";
import type { Profile } from "./threads/control.ts";
import { ThreadPool } from "./threads/pool.ts";
import { Workspace } from "./workspace.ts";

export interface CpuBackendOptions {
  /** "float64" computes and stores every "f32" tensor in float64: the oracle. Default "float32". */
  readonly precision?: Precision;
  /** Threads to compute on, the calling one included: up to 16, or the cores where those are more. Default: see `defaultThreads`; 1 for float64. */
  readonly threads?: number;
  /**
   * Programs of fewer floating-point operations, roughly counted, run on the calling thread alone, since waking the others
   * would cost more; the result is the same. Default 1,000,000.
   */
  readonly worthThreadsOperations?: number;
  /** Called after every step of every program, to see where time goes. */
  readonly profile?: Profile;
  /** Largest memory for buffers, activations and scratch together; at most 4 GiB. */
  readonly memoryBytes?: number;
}

/**
 * Computes programs on the CPU. `run` blocks until the program is done, so everything queued has always finished.
 * The same program on the same data gives the same bits for any number of threads.
 */
export async function createCpuBackend(options: CpuBackendOptions = {}): Promise<Backend> {
  const { precision = "float32", memoryBytes, worthThreadsOperations = 1_000_000 } = options;
  const arena = new Arena(memoryBytes);
  const threads = arena.shared ? await chooseThreads(options.threads, precision) : 1;
  const pool = threads > 1 ? await ThreadPool.start(threads, precision, arena) : null;
  return new CpuBackend(precision, arena, pool, worthThreadsOperations, options.profile);
}

/** A cache line of float32, so that two threads never write the same one at a part's edge. */
const PART_ALIGNMENT = 16;

class CpuBackend implements Backend {
  readonly capabilities: Capabilities;
  readonly lost: Promise<BackendLost>;
  private readonly precision: Precision;
  private readonly arena: Arena;
  private readonly workspace: Workspace;
  private readonly kernels: ReadonlyMap<string, Kernel>;
  private readonly pool: ThreadPool | null;
  private readonly worthThreadsOperations: number;
  private readonly profile: Profile | undefined;
  private announceLoss: (loss: BackendLost) => void = () => {};
  private disposed = false;
  private compiled = 0;

  constructor(precision: Precision, arena: Arena, pool: ThreadPool | null, worthThreadsOperations: number, profile: Profile | undefined) {
    this.precision = precision;
    this.arena = arena;
    this.workspace = new Workspace(arena);
    this.pool = pool;
    this.worthThreadsOperations = worthThreadsOperations;
    this.profile = profile;
    this.kernels = createKernels(precision, arena);
    this.lost = new Promise((resolve) => (this.announceLoss = resolve));
    this.capabilities = {
      backend: "cpu",
      adapter: `CPU, ${precision}, ${pool ? `${pool.parts} threads` : "1 thread"}`,
      hardwareAccelerated: true,
      float64: precision === "float64",
      halfWeights: true,
      memoryBytes: arena.limitBytes,
      maxBindingBytes: arena.limitBytes,
      partAlignment: PART_ALIGNMENT,
      ops: new Set(this.kernels.keys()),
      deterministic: true,
    };
  }

  allocate(type: TensorType, part?: BufferPart): BackendBuffer {
    this.expectAlive();
    const length = elementCount(type.shape);
    if (part) {
      const whole = expectBuffer(part.of, this);
      checkPart(type, part, PART_ALIGNMENT);
      return new CpuBuffer(this, type.dtype, length, whole.address + part.firstElement * storedBytes(type.dtype, this.precision), part);
    }
    return new CpuBuffer(this, type.dtype, length, this.arena.allocate(length * storedBytes(type.dtype, this.precision)));
  }

  free(resource: BackendBuffer | Executable): void {
    if (resource instanceof CpuExecutable) {
      if (resource.details.owner !== this) throw new BackendError("bad-buffer", "free: this was compiled by another backend");
      if (resource.freed) return;
      resource.freed = true;
      this.pool?.free(resource.details.id);
      this.workspace.leave();
      return;
    }
    if (!(resource instanceof CpuBuffer) || resource.owner !== this)
      throw new BackendError("bad-buffer", "free: this was made by another backend");
    if (resource.freed) return;
    resource.giveBack();
    if (!resource.part) this.arena.release(resource.address);
  }

  upload(target: BackendBuffer, data: HostArray, elementOffset = 0): void {
    this.expectAlive();
    const buffer = expectBuffer(target, this);
    expectRange(buffer, elementOffset, data.length);
    expectData(buffer, data);
    this.view(buffer).set(data, elementOffset);
  }

  async download(source: BackendBuffer, elementOffset = 0, length: number = source.length - elementOffset): Promise<HostArray> {
    this.expectAlive();
    const buffer = expectBuffer(source, this);
    expectRange(buffer, elementOffset, length);
    return this.view(buffer).slice(elementOffset, elementOffset + length);
  }

  async compile(source: Program, bindings: ReadonlyMap<string, BackendBuffer>): Promise<Executable> {
    this.expectAlive();
    const program = lowerProgram(source, this.capabilities.ops, opTable);
    validateProgram(program, opTable);
    const bound = new Map(
      externalTensors(program).map((tensor) => [tensor.name, expectBinding(program, tensor, bindings.get(tensor.name), this)]),
    );
    const plan = planMemory(program, opTable);
    const slots = slotBytes(plan, this.precision);
    const parts = this.pool && isWorthThreads(program, this.worthThreadsOperations) ? this.pool.parts : 1;
    const needed = measureScratch(program, this.kernels);
    const scratchBytes = needed.sharedBytes + parts * needed.ownBytes;
    const slotOffsets = slots.map((_, index) => slots.slice(0, index).reduce((sum, bytes) => sum + bytes, 0));
    const slotsBytes = slots.reduce((sum, bytes) => sum + bytes, 0);
    this.workspace.enter(slotsBytes + scratchBytes);
    return new CpuExecutable({
      owner: this,
      id: ++this.compiled,
      parts,
      program,
      scratchBytes: slotsBytes + scratchBytes,
      buffers: [...bound.values()],
      place: (base) =>
        placeProgram(
          program,
          plan,
          slotOffsets.map((offset) => base + offset),
          (tensor) => bound.get(tensor.name)!.address,
          { address: base + slotsBytes, ...needed },
        ),
    });
  }

  run(target: Executable): void {
    this.expectAlive();
    if (!(target instanceof CpuExecutable) || target.details.owner !== this) {
      throw new BackendError("bad-buffer", "run: this executable was compiled by another backend");
    }
    const { id, parts, buffers, program } = target.details;
    if (target.freed) throw new BackendError("buffer-freed", `run: program ${program.name} was freed`);
    if (buffers.some((buffer) => buffer.freed))
      throw new BackendError("buffer-freed", `run: a buffer bound to program ${program.name} was freed`);
    const moved = target.moveTo(this.workspace.address);
    const steps = target.steps(this.kernels, this.arena.memory.buffer, this.precision);
    if (parts === 1) return this.runAlone(steps);
    if (moved) this.pool!.place(id, moved);
    this.pool!.run(id, steps, this.profile);
  }

  async sync(): Promise<void> {
    this.expectAlive();
  }

  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    await this.pool?.stop();
    this.announceLoss({ reason: "destroyed", message: "the CPU backend was disposed" });
  }

  private runAlone(steps: readonly Step[]): void {
    for (const step of steps) {
      const start = this.profile ? performance.now() : 0;
      step.run();
      this.profile?.(step.op, performance.now() - start);
    }
  }

  private view(buffer: CpuBuffer): HostArray {
    return viewElements(this.arena.memory.buffer, buffer.dtype, this.precision, buffer.address, buffer.length);
  }

  private expectAlive(): void {
    if (this.disposed)
      throw new BackendError("device-lost", "the CPU backend was disposed", { hint: "Create a new one with createCpuBackend()." });
  }
}
