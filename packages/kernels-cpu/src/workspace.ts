import type { Arena } from "./arena.ts";

/**
 * The activations and scratch of all programs of a backend: one block, as large as the hungriest program needs, since runs
 * never overlap and nothing in it outlives a run. It moves when it grows; programs are placed anew when it has.
 */
export class Workspace {
  address = 0;
  private readonly arena: Arena;
  private bytes = 0;
  private programs = 0;

  constructor(arena: Arena) {
    this.arena = arena;
  }

  /** Makes room for one more program of that size. @throws BackendError "out-of-memory", after which nothing has changed. */
  enter(bytes: number): void {
    if (bytes > this.bytes) {
      this.release();
      try {
        this.address = this.arena.allocate(bytes);
      } catch (error) {
        if (this.bytes > 0) this.address = this.arena.allocate(this.bytes);
        throw error;
      }
      this.bytes = bytes;
    }
    this.programs++;
  }

  /** One program less; the last one gives the memory back. */
  leave(): void {
    this.programs--;
    if (this.programs > 0) return;
    this.release();
    this.bytes = 0;
  }

  private release(): void {
    if (this.bytes > 0) this.arena.release(this.address);
  }
}
