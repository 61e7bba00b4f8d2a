import type { Executable, Program } from "@sft/kernels";
import type { CpuBuffer } from "./buffer.ts";
import type { Precision } from "./elements.ts";
import type { Kernel } from "./kernel.ts";
import { bindSteps, type PlacedProgram, type Step } from "./placedProgram.ts";

/** A placed program with the buffers it reads and the memory it owns. */
export class CpuExecutable implements Executable {
  readonly owner: object;
  /** Number by which worker threads know it. */
  readonly id: number;
  /** Threads it is placed for. */
  readonly parts: number;
  readonly program: Program;
  readonly scratchBytes: number;
  readonly placed: PlacedProgram;
  readonly buffers: readonly CpuBuffer[];
  /** Addresses of slots and scratch, given back with the executable. */
  readonly owned: readonly number[];
  freed = false;
  private bound: { readonly memory: ArrayBufferLike; readonly steps: readonly Step[] } | undefined;

  constructor(owner: object, id: number, parts: number, program: Program, scratchBytes: number, placed: PlacedProgram, buffers: readonly CpuBuffer[], owned: readonly number[]) {
    this.owner = owner;
    this.id = id;
    this.parts = parts;
    this.program = program;
    this.scratchBytes = scratchBytes;
    this.placed = placed;
    this.buffers = buffers;
    this.owned = owned;
  }

  /** The calling thread's steps, over views of `memory`; made anew when the memory has grown, which may detach the old ones. */
  steps(kernels: ReadonlyMap<string, Kernel>, memory: ArrayBufferLike, precision: Precision): readonly Step[] {
    if (this.bound?.memory !== memory) this.bound = { memory, steps: bindSteps(this.placed, kernels, memory, precision, 0, this.parts) };
    return this.bound.steps;
  }
}
