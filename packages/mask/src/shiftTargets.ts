import type { Example } from "./example.ts";
import { MaskError } from "./maskError.ts";

/** A row ready for the model: position i of `inputIds` predicts `targets[i]` with loss weight `weights[i]`; three arrays of one length. */
export interface ShiftedRow {
  readonly inputIds: Int32Array;
  readonly targets: Int32Array;
  readonly weights: Float32Array;
}

/**
 * The one place that shifts: of n token ids, inputs ids[0 .. n-2] predict targets ids[1 .. n-1].
 * An example of fewer than two tokens gives an empty row.
 * @throws MaskError "length-mismatch" if ids and weights differ in length
 */
export function shiftTargets(example: Pick<Example, "ids" | "weights">): ShiftedRow {
  const { ids, weights } = example;
  if (ids.length !== weights.length) {
    throw new MaskError(
      "length-mismatch",
      `Expected one weight a token id, got ${ids.length} ids and ${weights.length} weights.`,
      "weights[i] belongs to ids[i] as a target.",
      { ids: ids.length, weights: weights.length },
    );
  }
  const last = Math.max(0, ids.length - 1);
  return { inputIds: ids.slice(0, last), targets: ids.slice(1), weights: weights.slice(1) };
}
