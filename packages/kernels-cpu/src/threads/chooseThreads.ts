import { BackendError, elementCount, type Program } from "@sft/kernels";
import type { Precision } from "../elements.ts";

/** Threads at most, where no larger number was asked for and there are no more cores: beyond it they share the memory's speed. */
const MOST_THREADS = 16;

/**
 * How many threads to use: the asked number, from 1 to 16 or to the cores where those are more; else `defaultThreads`. The
 * float64 oracle, and any place without Node's worker threads, default to one.
 * @throws BackendError "bad-option"
 */
export async function chooseThreads(asked: number | undefined, precision: Precision): Promise<number> {
  if (!isNode()) return 1;
  if (asked === undefined) return precision === "float64" ? 1 : defaultThreads();
  const most = Math.max(MOST_THREADS, await coresToUse());
  if (Number.isInteger(asked) && asked >= 1 && asked <= most) return asked;
  throw new BackendError("bad-option", `threads: expected a whole number from 1 to ${most}, got ${String(asked)}`, {
    hint: "Each thread beyond the cores waits for the others: pass the number of cores, or leave `threads` out.",
  });
}

/**
 * Threads of a float32 backend that was not told how many: the environment's SFT_THREADS, at most the cores that the process may
 * use; without it those cores, at most 16.
 * @throws BackendError "bad-option" for a SFT_THREADS that is no whole number from 1 on
 */
export async function defaultThreads(): Promise<number> {
  if (!isNode()) return 1;
  const cores = await coresToUse();
  const text = process.env.SFT_THREADS;
  if (text === undefined || text === "") return Math.min(MOST_THREADS, cores);
  if (/^0*[1-9][0-9]*$/.test(text)) return Math.min(Number(text), cores);
  throw new BackendError("bad-option", `SFT_THREADS: expected a whole number of threads from 1 on, got ${JSON.stringify(text)}`, {
    hint: `Set it to a number such as ${cores}, the cores here, or unset it.`,
  });
}

const isNode = (): boolean => typeof process !== "undefined" && process.versions?.node !== undefined;
const coresToUse = async (): Promise<number> => (await import("node:os")).availableParallelism();

/** Does a program take at least this many operations, counting matrix products and elements roughly? */
export function isWorthThreads(program: Program, worthOperations: number): boolean {
  let operations = 0;
  for (const { op, inputs, outputs } of program.instructions) {
    const sizes = [...inputs, ...outputs].map((index) => elementCount(program.tensors[index].shape));
    operations += op === "matmul" ? 2 * Math.sqrt(sizes[0] * sizes[1] * sizes.at(-1)!) : sizes.reduce((sum, size) => sum + size, 0);
    if (operations >= worthOperations) return true;
  }
  return worthOperations === 0;
}
