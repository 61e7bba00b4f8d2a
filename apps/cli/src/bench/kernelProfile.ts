import type { KernelTiming } from "@sft/kernels-webgpu/node";

/** Keeps the last timed run of every program. */
export interface KernelProfile {
  /** For the backend's option of this name. */
  readonly profile: (timings: readonly KernelTiming[]) => void;
  /** Timings of the programs whose names `isWanted` takes. */
  readonly of: (isWanted: (program: string) => boolean) => readonly KernelTiming[];
}

export function keepProfile(): KernelProfile {
  const last = new Map<string, readonly KernelTiming[]>();
  return {
    profile: (timings) => void (timings[0] && last.set(timings[0].program, timings)),
    of: (isWanted) => [...last].flatMap(([program, timings]) => (isWanted(program) ? timings : [])),
  };
}
