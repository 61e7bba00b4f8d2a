import type { AttentionAttributes, TensorType } from "@sft/kernels";
import type { Call, Operand } from "../kernel.ts";
import { MULTIPLY_SCRATCH_BYTES, padded } from "./multiply.ts";

/** Queries of one head that are scored together, against all keys up to the last of them. */
export const QUERY_BLOCK = 64;

/** Two blocks of scores and what `multiply` needs. */
export function scratchBytes([q]: readonly TensorType[], { batch }: AttentionAttributes): number {
  return MULTIPLY_SCRATCH_BYTES + 2 * 4 * QUERY_BLOCK * padded(q.shape[0]! / batch);
}

/**
 * First visible key of each query of a sequence, which sees from there to itself; null when a segment comes back after
 * another one, so that its keys are no range.
 */
function firstVisibleKeys(segments: Operand, first: number, tokens: number, window: number): Int32Array | null {
  const ends = new Set<number>();
  const keys = new Int32Array(tokens);
  for (let i = 0, start = 0; i < tokens; i++) {
    const segment = segments.data[first + i];
    if (i > 0 && segment !== segments.data[first + i - 1]) {
      ends.add(segments.data[first + i - 1]);
      start = i;
      if (ends.has(segment)) return null;
    }
    keys[i] = window === 0 ? start : Math.max(start, i - window + 1);
  }
  return keys;
}

/** The visible ranges of every sequence, or null when the fast kernel cannot serve the call. */
export function visibleRanges(
  segments: Operand,
  { batch, window, softcap }: AttentionAttributes,
  tokens: number,
): readonly Int32Array[] | null {
  if (softcap !== 0) return null;
  const ranges: Int32Array[] = [];
  for (let sequence = 0; sequence < batch; sequence++) {
    const keys = firstVisibleKeys(segments, sequence * tokens, tokens, window);
    if (!keys) return null;
    ranges.push(keys);
  }
  return ranges;
}

/** Addresses, strides and scratch of one call. */
export function layout(
  call: Call<AttentionAttributes>,
  q: Operand,
): { tokens: number; queryRow: number; keyRow: number; scores: number; slopes: number; scoreRow: number; own: number } {
  const { batch, queryHeads, keyValueHeads, headDim } = call.attributes;
  const tokens = q.shape[0] / batch;
  const scores = call.ownAddress + MULTIPLY_SCRATCH_BYTES;
  const scoreRow = 4 * padded(tokens);
  return {
    tokens,
    queryRow: 4 * queryHeads * headDim,
    keyRow: 4 * keyValueHeads * headDim,
    scores,
    slopes: scores + QUERY_BLOCK * scoreRow,
    scoreRow,
    own: call.ownAddress,
  };
}
