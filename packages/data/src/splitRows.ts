import { DataError } from "./dataError.ts";
import { createRandom } from "./random.ts";
import { permutation } from "./shuffle.ts";

export interface SplitRowsOptions {
  /** Below 1: the share of the rows that is held out, rounded to whole rows, at least one. From 1: their number. */
  readonly testSize: number;
  readonly seed: number;
}

/**
 * Holds out rows for testing, chosen by `seed`. Both parts keep the order of `rows`; together they are all of them.
 * Throws `DataError` "bad-split" when either part would be empty.
 */
export function splitRows<T>(rows: readonly T[], { testSize, seed }: SplitRowsOptions): { train: T[]; test: T[] } {
  const isShare = testSize > 0 && testSize < 1;
  const count = isShare ? Math.max(1, Math.round(rows.length * testSize)) : testSize;
  if (!Number.isInteger(count) || count < 1 || count >= rows.length) {
    const message = `cannot hold out ${testSize} of ${rows.length} rows: both parts need at least one`;
    throw new DataError("bad-split", {}, message, "Give a share between 0 and 1, or a number below that of the rows.");
  }
  const held = new Set(permutation(rows.length, createRandom(seed)).subarray(0, count));
  const train: T[] = [];
  const test: T[] = [];
  for (const [index, row] of rows.entries()) (held.has(index) ? test : train).push(row);
  return { train, test };
}
