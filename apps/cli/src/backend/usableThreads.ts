import { availableParallelism } from "node:os";

/**
 * The asked number of threads, at most the cores that this process may use: threads beyond them wait for each other for ever.
 * Without a number, that of the environment or of the machine. @throws BackendError "bad-option"
 */
export async function usableThreads(asked: number | undefined): Promise<number> {
  if (asked !== undefined) return Math.min(asked, availableParallelism());
  return (await import("@sft/kernels-cpu")).defaultThreads();
}
