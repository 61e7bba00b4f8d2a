import { BackendError } from "@sft/kernels";
import { webAssembly, type WasmMemory } from "./wasm/webAssembly.ts";

const PAGE_BYTES = 65_536;
const MAX_PAGES = 65_536;
/** Allocations start on a cache line, so that two threads never write the same one at a tensor's edge. */
const ALIGNMENT = 64;

interface Block {
  readonly start: number;
  readonly bytes: number;
}

/**
 * All memory of a backend: one WebAssembly memory, shared where the platform allows it, so that WebAssembly code and worker
 * threads see every tensor without a copy. First fit over a sorted list of free blocks; grows on demand up to `limitBytes`.
 */
export class Arena {
  readonly memory: WasmMemory;
  readonly limitBytes: number;
  readonly shared: boolean;
  /** What the memory was declared with: a module that imports it must declare the same. */
  readonly maximumPages: number;
  private free: Block[] = [];
  private readonly sizes = new Map<number, number>();
  private end: number = ALIGNMENT;

  constructor(limitBytes: number = MAX_PAGES * PAGE_BYTES) {
    this.limitBytes = Math.min(limitBytes, MAX_PAGES * PAGE_BYTES);
    this.shared = typeof SharedArrayBuffer !== "undefined";
    this.maximumPages = Math.max(1, Math.ceil(this.limitBytes / PAGE_BYTES));
    this.memory = new webAssembly.Memory({ initial: 1, maximum: this.maximumPages, shared: this.shared });
  }

  get usedBytes(): number {
    let used = 0;
    for (const bytes of this.sizes.values()) used += bytes;
    return used;
  }

  /** Address of a zeroed block. @throws BackendError "out-of-memory". */
  allocate(bytes: number): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const fit = this.free.findIndex((block) => block.bytes >= size);
    let start: number;
    if (fit !== -1) {
      const block = this.free[fit];
      start = block.start;
      this.free.splice(fit, 1, ...(block.bytes > size ? [{ start: start + size, bytes: block.bytes - size }] : []));
      new Uint8Array(this.memory.buffer, start, size).fill(0);
    } else {
      const last = this.free.at(-1);
      const extendsLast = last !== undefined && last.start + last.bytes === this.end;
      start = extendsLast ? last.start : this.end;
      this.growTo(start + size, bytes);
      this.end = start + size;
      if (extendsLast) {
        this.free.pop();
        new Uint8Array(this.memory.buffer, start, last.bytes).fill(0);
      }
    }
    this.sizes.set(start, size);
    return start;
  }

  release(start: number): void {
    const bytes = this.sizes.get(start);
    if (bytes === undefined) return;
    this.sizes.delete(start);
    const sorted = [...this.free, { start, bytes }].sort((a, b) => a.start - b.start);
    this.free = [];
    for (const block of sorted) {
      const before = this.free.at(-1);
      if (before && before.start + before.bytes === block.start)
        this.free[this.free.length - 1] = { start: before.start, bytes: before.bytes + block.bytes };
      else this.free.push(block);
    }
  }

  /** One cache line more than asked, since vector kernels read a little beyond the end of a tensor. */
  private growTo(end: number, requested: number): void {
    const missing = end + ALIGNMENT - this.memory.buffer.byteLength;
    try {
      if (end + ALIGNMENT > this.limitBytes) throw new RangeError(`the limit is ${this.limitBytes} bytes`);
      if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    } catch (cause) {
      throw new BackendError(
        "out-of-memory",
        `cannot allocate ${requested} bytes: ${this.usedBytes} of ${this.limitBytes} bytes are in use`,
        {
          hint: "Use a smaller batch or shorter sequences, free buffers, or raise memoryBytes (at most 4 GiB).",
          cause,
        },
      );
    }
  }
}
