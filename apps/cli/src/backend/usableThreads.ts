import { availableParallelism } from "node:os";

/** The asked number of threads, at most the cores that this process may use: threads beyond them wait for each other for ever. */
export function usableThreads(asked: number, cores: number = availableParallelism()): number {
  return Math.min(asked, cores);
}
