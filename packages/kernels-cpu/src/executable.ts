import type { Executable, Program } from "@sft/kernels";
import type { CpuBuffer } from "./buffer.ts";
import type { Precision } from "./elements.ts";
import type { Kernel } from "./kernel.ts";
import { bindSteps, type PlacedProgram, type Step } from "./placedProgram.ts";

export interface ExecutableParts {
  readonly owner: object;
  /** Number by which worker threads know it. */
  readonly id: number;
  /** Threads it runs on. */
  readonly parts: number;
  readonly program: Program;
  readonly scratchBytes: number;
  readonly buffers: readonly CpuBuffer[];
  /** Gives every tensor its address, with the workspace at `base`. */
  readonly place: (base: number) => PlacedProgram;
}

/** A program with the buffers it is bound to; where its activations lie is settled when it runs. */
export class CpuExecutable implements Executable {
  readonly details: ExecutableParts;
  freed = false;
  private base = -1;
  private placedProgram: PlacedProgram | undefined;
  private bound: { readonly memory: ArrayBufferLike; readonly steps: readonly Step[] } | undefined;

  constructor(details: ExecutableParts) {
    this.details = details;
  }

  get program(): Program {
    return this.details.program;
  }

  get scratchBytes(): number {
    return this.details.scratchBytes;
  }

  /** Places the program anew when the workspace has moved since; undefined when it has not. */
  moveTo(base: number): PlacedProgram | undefined {
    if (this.base === base) return undefined;
    this.base = base;
    this.bound = undefined;
    this.placedProgram = this.details.place(base);
    return this.placedProgram;
  }

  /** The calling thread's steps, over views of `memory`; made anew when the memory has grown, which may detach the old ones. */
  steps(kernels: ReadonlyMap<string, Kernel>, memory: ArrayBufferLike, precision: Precision): readonly Step[] {
    if (this.bound?.memory !== memory)
      this.bound = { memory, steps: bindSteps(this.placedProgram!, kernels, memory, precision, 0, this.details.parts) };
    return this.bound.steps;
  }
}
