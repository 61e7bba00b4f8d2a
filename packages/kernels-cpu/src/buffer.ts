import type { BackendBuffer, DType } from "@sft/kernels";

/** A piece of the arena. `owner` is the backend that made it. */
export class CpuBuffer implements BackendBuffer {
  readonly owner: object;
  readonly dtype: DType;
  readonly length: number;
  readonly address: number;
  freed = false;

  constructor(owner: object, dtype: DType, length: number, address: number) {
    this.owner = owner;
    this.dtype = dtype;
    this.length = length;
    this.address = address;
  }
}
