import { TENSOR_USAGE } from "./gpuBuffer.ts";

interface PooledBuffer {
  readonly gpu: GPUBuffer;
  readonly bytes: number;
  users: number;
}

/** Buffers lent to one executable. */
export interface ScratchLease {
  readonly buffers: readonly GPUBuffer[];
  /** Gives the buffers back; those that nobody uses any more are destroyed. */
  release(): void;
}

/**
 * Memory that holds nothing between runs. Programs run one after the other, so all executables of a backend work in the same
 * buffers: a training and an evaluation program need the larger of their two amounts, not the sum.
 */
export class ScratchPool {
  private readonly device: GPUDevice;
  private readonly pooled = new Set<PooledBuffer>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** Bytes of all buffers that are lent out. */
  get bytes(): number {
    return [...this.pooled].reduce((sum, buffer) => sum + buffer.bytes, 0);
  }

  /** A buffer of at least each of `sizes` bytes, all different. Creates what is missing. */
  lease(sizes: readonly number[]): ScratchLease {
    const free = new Set(this.pooled);
    const taken: PooledBuffer[] = new Array(sizes.length);
    const largestFirst = sizes.map((_, index) => index).sort((a, b) => sizes[b]! - sizes[a]!);
    for (const index of largestFirst) {
      let best: PooledBuffer | undefined;
      for (const candidate of free) {
        if (candidate.bytes >= sizes[index]! && (!best || candidate.bytes < best.bytes)) best = candidate;
      }
      if (best) free.delete(best);
      else {
        best = {
          gpu: this.device.createBuffer({ label: "scratch", size: sizes[index]!, usage: TENSOR_USAGE }),
          bytes: sizes[index]!,
          users: 0,
        };
        this.pooled.add(best);
      }
      best.users++;
      taken[index] = best;
    }
    let released = false;
    return {
      buffers: taken.map((buffer) => buffer.gpu),
      release: () => {
        if (released) return;
        released = true;
        for (const buffer of taken) this.giveBack(buffer);
      },
    };
  }

  private giveBack(buffer: PooledBuffer): void {
    if (--buffer.users > 0) return;
    this.pooled.delete(buffer);
    buffer.gpu.destroy();
  }
}
