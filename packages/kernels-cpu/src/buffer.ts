import type { BackendBuffer, BufferPart, DType } from "@sft/kernels";

/** A piece of the arena. `owner` is the backend that made it. */
export class CpuBuffer implements BackendBuffer {
  readonly owner: object;
  readonly dtype: DType;
  readonly length: number;
  readonly address: number;
  declare readonly part?: BufferPart;
  private given = false;

  constructor(owner: object, dtype: DType, length: number, address: number, part?: BufferPart) {
    this.owner = owner;
    this.dtype = dtype;
    this.length = length;
    this.address = address;
    if (part) this.part = part;
  }

  get freed(): boolean {
    return this.given || ((this.part?.of as CpuBuffer | undefined)?.freed ?? false);
  }

  giveBack(): void {
    this.given = true;
  }
}
