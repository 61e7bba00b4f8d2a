import type { Step } from "../placedProgram.ts";

/** Words of the control block that all threads share; the text of a failure follows them. */
const WAKE = 0;
const PROGRAM = 1;
const GENERATION = 2;
const ARRIVED = 3;
const FAILED_RUN = 4;
const FAILURE_LENGTH = 5;
const HEADER_BYTES = 64;
const FAILURE_BYTES = 1024;

/** Looks at a word this many times before sleeping: some microseconds, about what a short step takes. */
const SPINS = 4000;

/**
 * How the threads of a backend meet: a wake-up call that names the program to run, and a barrier after each of its steps.
 * Only Atomics on one shared block, so that no message has to be waited for while a program runs.
 */
export class Control {
  readonly buffer: SharedArrayBuffer;
  readonly parts: number;
  private readonly words: Int32Array;
  private readonly text: Uint8Array;

  constructor(parts: number, buffer: SharedArrayBuffer = new SharedArrayBuffer(HEADER_BYTES + FAILURE_BYTES)) {
    this.buffer = buffer;
    this.parts = parts;
    this.words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.text = new Uint8Array(buffer, HEADER_BYTES);
  }

  /** Starts `program` on all sleeping threads; gives the number of this run. */
  wake(program: number): number {
    Atomics.store(this.words, PROGRAM, program);
    const run = (Atomics.add(this.words, WAKE, 1) + 1) | 0;
    Atomics.notify(this.words, WAKE);
    return run;
  }

  /** Sleeps until a run other than `last` is started; gives its number and the program. */
  sleep(last: number): { readonly run: number; readonly program: number } {
    this.waitWhile(WAKE, last);
    return { run: Atomics.load(this.words, WAKE), program: Atomics.load(this.words, PROGRAM) };
  }

  /** Marks a run as failed, with the reason for the calling thread; every thread leaves the run at the next barrier. */
  fail(run: number, reason: string): void {
    if (Atomics.exchange(this.words, FAILED_RUN, run) === run) return;
    const bytes = new TextEncoder().encode(reason).subarray(0, FAILURE_BYTES);
    this.text.set(bytes);
    Atomics.store(this.words, FAILURE_LENGTH, bytes.length);
  }

  /** Why the last failed run failed. */
  failure(): string {
    return new TextDecoder().decode(this.text.slice(0, Atomics.load(this.words, FAILURE_LENGTH)));
  }

  /** Returns when all threads have called it: false when one of them has failed. */
  meet(run: number): boolean {
    const generation = Atomics.load(this.words, GENERATION);
    if (Atomics.add(this.words, ARRIVED, 1) === this.parts - 1) {
      Atomics.store(this.words, ARRIVED, 0);
      Atomics.add(this.words, GENERATION, 1);
      Atomics.notify(this.words, GENERATION);
    } else {
      this.waitWhile(GENERATION, generation);
    }
    return Atomics.load(this.words, FAILED_RUN) !== run;
  }

  private waitWhile(word: number, value: number): void {
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(this.words, word) !== value) return;
    }
    while (Atomics.load(this.words, word) === value) Atomics.wait(this.words, word, value);
  }
}

/** Is told each step's op and how long it took until all threads had finished it. */
export type Profile = (op: string, milliseconds: number) => void;

/** Runs the steps of one thread, meeting the others after each. False when the run failed, here or elsewhere. */
export function runSteps(steps: readonly Step[], run: number, control: Control, profile?: Profile): boolean {
  for (const step of steps) {
    const start = profile ? performance.now() : 0;
    try {
      step.run();
    } catch (error) {
      control.fail(run, String(error));
    }
    if (!control.meet(run)) return false;
    profile?.(step.op, performance.now() - start);
  }
  return true;
}
