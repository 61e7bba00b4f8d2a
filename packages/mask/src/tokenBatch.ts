import { MaskError } from "./maskError.ts";
import type { ShiftedRow } from "./shiftTargets.ts";

/** What a training step reads: `rows x length`, row-major, right padded. Padding has segment 0, position 0 and weight 0. */
export interface TokenBatch {
  readonly rows: number;
  readonly length: number;
  readonly inputIds: Int32Array;
  /** Position inside its own segment, from 0. */
  readonly positions: Int32Array;
  /** 0 is padding; 1, 2, .. number the segments of a row. Tokens attend inside their own segment only. */
  readonly segments: Int32Array;
  readonly targets: Int32Array;
  readonly weights: Float32Array;
  /** Targets whose weight is not 0. */
  readonly supervisedTokens: number;
  /** Sum of all weights, added in float64. */
  readonly weightSum: number;
}

/** How wide a batch is and what fills its padding. */
export interface BatchOptions {
  /** Id in padded places; the mask never looks at it. Default 0. */
  readonly padId?: number;
  /** Round the length up to a multiple of this. Default 1. */
  readonly multipleOf?: number;
  /** Fixed length; default is the longest row. */
  readonly length?: number;
}

/** Lays rows out, each a list of segments, one behind the other. @throws MaskError "row-too-long", "invalid-length", "length-mismatch" */
export function layOutRows(rows: readonly (readonly ShiftedRow[])[], options: BatchOptions = {}): TokenBatch {
  const { padId = 0, multipleOf = 1 } = options;
  checkLength(multipleOf, "multipleOf");
  const used = rows.map((segments) => segments.reduce((sum, segment) => sum + segment.inputIds.length, 0));
  const longest = used.reduce((a, b) => Math.max(a, b), 0);
  if (options.length !== undefined) checkLength(options.length, "length");
  const length = options.length ?? Math.ceil(longest / multipleOf) * multipleOf;
  if (longest > length) {
    const row = used.indexOf(longest);
    throw new MaskError(
      "row-too-long",
      `Row ${row} of the batch: expected at most ${length} inputs, got ${longest}.`,
      "Truncate examples to length + 1 tokens first (maxLength of encodeRendering), or leave length out.",
      { row, length, got: longest },
    );
  }
  const size = rows.length * length;
  const inputIds = new Int32Array(size).fill(padId);
  const positions = new Int32Array(size);
  const segmentIds = new Int32Array(size);
  const targets = new Int32Array(size).fill(padId);
  const weights = new Float32Array(size);
  let supervisedTokens = 0;
  let weightSum = 0;
  rows.forEach((segments, row) => {
    let at = row * length;
    let number = 0;
    for (const segment of segments) {
      const n = segment.inputIds.length;
      if (n === 0) continue;
      checkRow(segment, row);
      number++;
      inputIds.set(segment.inputIds, at);
      targets.set(segment.targets, at);
      weights.set(segment.weights, at);
      segmentIds.fill(number, at, at + n);
      for (let i = 0; i < n; i++) {
        positions[at + i] = i;
        const weight = segment.weights[i];
        if (weight !== 0) supervisedTokens++;
        weightSum += weight;
      }
      at += n;
    }
  });
  return { rows: rows.length, length, inputIds, positions, segments: segmentIds, targets, weights, supervisedTokens, weightSum };
}

function checkRow(row: ShiftedRow, index: number): void {
  const { inputIds, targets, weights } = row;
  if (inputIds.length === targets.length && inputIds.length === weights.length) return;
  throw new MaskError(
    "length-mismatch",
    `Row ${index} of the batch: expected inputs, targets and weights of one length, got ${inputIds.length}, ${targets.length}, ${weights.length}.`,
    "Make rows with shiftTargets.",
    { row: index },
  );
}

/** @throws MaskError "invalid-length" unless it is a whole number of 1 or more */
export function checkLength(value: number, name: string): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new MaskError("invalid-length", `${name}: expected a whole number of 1 or more, got ${String(value)}.`, "Count tokens.", {
    [name]: value,
  });
}
