import { BackendError, elementCount, type Program } from "@sft/kernels";
import type { Precision } from "../elements.ts";

const MOST_THREADS = 16;

/**
 * How many threads to use: the asked number, else the environment's SFT_THREADS, else every core the process may use. The
 * float64 oracle, and any place without Node's worker threads, default to one.
 */
export async function chooseThreads(asked: number | undefined, precision: Precision): Promise<number> {
  const isNode = typeof process !== "undefined" && process.versions?.node !== undefined;
  if (!isNode) return 1;
  const { availableParallelism } = await import("node:os");
  const fromEnvironment =
    process.env.SFT_THREADS === undefined || process.env.SFT_THREADS === "" ? undefined : Number(process.env.SFT_THREADS);
  const threads = asked ?? (precision === "float64" ? 1 : (fromEnvironment ?? Math.min(MOST_THREADS, availableParallelism())));
  if (Number.isInteger(threads) && threads >= 1 && threads <= 256) return threads;
  throw new BackendError("unsupported-op", `the number of threads must be a whole number from 1 to 256, got ${threads}`, {
    hint: asked === undefined ? "Correct or unset the environment variable SFT_THREADS." : "Pass another `threads`.",
  });
}

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
