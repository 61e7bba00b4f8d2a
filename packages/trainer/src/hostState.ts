import { elementCount, type HostArray } from "@sft/kernels";
import type { StateTensor } from "./optimisers/optimiser.ts";

/** A state tensor in the host's memory. It starts as zeros, which take no memory until they are asked for. */
export class HostState {
  readonly bytes: number;
  private readonly make: () => HostArray;
  private array: HostArray | undefined;

  constructor({ shape, dtype }: StateTensor, float64: boolean) {
    const count = elementCount(shape);
    this.bytes = count * (float64 && dtype === "f32" ? 8 : 4);
    this.make = () => (dtype === "i32" ? new Int32Array(count) : float64 ? new Float64Array(count) : new Float32Array(count));
  }

  get data(): HostArray {
    return (this.array ??= this.make());
  }
}

/** A range of one. */
export interface HostRange {
  readonly of: HostState;
  readonly first: number;
  readonly length: number;
}

/** The range's elements, in place. */
export function elementsOf({ of, first, length }: HostRange): HostArray {
  return of.data.subarray(first, first + length);
}

export function setElements(range: HostRange, values: HostArray): void {
  elementsOf(range).set(values as Float32Array & Int32Array);
}
