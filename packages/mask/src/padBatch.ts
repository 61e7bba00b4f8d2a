import type { ShiftedRow } from "./shiftTargets.ts";
import { type BatchOptions, layOutRows, type TokenBatch } from "./tokenBatch.ts";

/**
 * One row a segment, right padded to the longest row or to `length`. Padding has weight 0 by position,
 * never by token id: a pad id equal to the EOS id leaves every real EOS trained.
 */
export function padBatch(rows: readonly ShiftedRow[], options: BatchOptions = {}): TokenBatch {
  return layOutRows(
    rows.map((row) => [row]),
    options,
  );
}
