import { elementCount, type Backend, type BackendBuffer } from "@sft/kernels";
import type { Bucket } from "./offload.ts";
import type { StateTensor } from "./optimisers/optimiser.ts";

/** Room on the device that all buckets use one after the other: a buffer a state tensor of the hungriest, and views of it. */
export class Staging {
  readonly buffers: BackendBuffer[] = [];
  private readonly backend: Backend;
  private readonly wholes = new Map<string, BackendBuffer>();
  private readonly views = new Map<string, BackendBuffer>();
  private readonly longest = new Map<string, number>();

  constructor(backend: Backend, buckets: readonly Bucket[]) {
    this.backend = backend;
    for (const { group, shape } of buckets) {
      group.rule.state({ shape }).forEach((tensor, slot) => {
        const key = `${slot} ${tensor.dtype}`;
        this.longest.set(key, Math.max(this.longest.get(key) ?? 0, elementCount(tensor.shape)));
      });
    }
  }

  take(slot: number, { dtype, shape }: StateTensor): BackendBuffer {
    const { backend } = this;
    const [slotKey, length] = [`${slot} ${dtype}`, elementCount(shape)];
    const key = `${slotKey} ${length}`;
    const known = this.views.get(key);
    if (known) return known;
    let buffer: BackendBuffer;
    if (backend.capabilities.partAlignment === undefined) {
      buffer = backend.allocate({ shape: [length], dtype });
    } else {
      let whole = this.wholes.get(slotKey);
      if (!whole) {
        whole = backend.allocate({ shape: [this.longest.get(slotKey)!], dtype });
        this.wholes.set(slotKey, whole);
        this.buffers.push(whole);
      }
      if (whole.length === length) buffer = whole;
      else buffer = backend.allocate({ shape: [length], dtype }, { of: whole, firstElement: 0 });
    }
    if (!this.buffers.includes(buffer)) this.buffers.push(buffer);
    this.views.set(key, buffer);
    return buffer;
  }
}
