import type { ShiftedRow } from "../shiftTargets.ts";
import { type BatchOptions, layOutRows, type TokenBatch } from "../tokenBatch.ts";
import { type PackedPiece, planPacking, type PackingOptions } from "./planPacking.ts";

/** Settings of {@link packExamples}: a packing plan, and how its batch is laid out. */
export interface PackExamplesOptions extends Omit<PackingOptions, "capacity">, BatchOptions {
  /** Inputs a row can hold; default `length`, else the longest row. */
  readonly capacity?: number;
}

/**
 * Several examples a row: segments numbered 1, 2, .. with positions from 0 in each. Rows were shifted one by one before,
 * so no target belongs to the next segment and the first token of a segment is never a target.
 */
export function packExamples(rows: readonly ShiftedRow[], options: PackExamplesOptions = {}): TokenBatch {
  const lengths = rows.map((row) => row.inputIds.length);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 1);
  const capacity = options.capacity ?? options.length ?? longest;
  return packPlanned(rows, planPacking(lengths, { ...options, capacity }), options);
}

/** The batch of a plan, or of the part of a plan that is one step's. */
export function packPlanned(
  rows: readonly ShiftedRow[],
  plan: readonly (readonly PackedPiece[])[],
  options: BatchOptions = {},
): TokenBatch {
  return layOutRows(
    plan.map((pieces) =>
      pieces.map(({ index, start, end }) => {
        const { inputIds, targets, weights } = rows[index];
        return {
          inputIds: inputIds.subarray(start, end),
          targets: targets.subarray(start, end),
          weights: weights.subarray(start, end),
        };
      }),
    ),
    options,
  );
}
