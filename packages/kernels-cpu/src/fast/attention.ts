import type { AttentionAttributes, TensorType } from "@sft/kernels";
import { type Call, type Kernel, type Operand, shareOf } from "../kernel.ts";
import { attention, attentionGrad } from "../ops/attention.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { multiply, MULTIPLY_SCRATCH_BYTES } from "./multiply.ts";

/** Queries of one head that are scored together, against all keys up to the last of them. */
const QUERY_BLOCK = 64;

const padded = (count: number): number => Math.ceil(count / 16) * 16;

/** Two blocks of scores and what `multiply` needs. */
function scratchBytes([q]: readonly TensorType[], { batch }: AttentionAttributes): number {
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
function visibleRanges(segments: Operand, { batch, window, softcap }: AttentionAttributes, tokens: number): readonly Int32Array[] | null {
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
function layout(
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

/** Scores of a block of queries by matrix product, softmax by row, times the values; a (sequence, query head) pair at a time. */
export function fastAttention(wasm: WasmFunctions): Kernel<AttentionAttributes> {
  return {
    ownBytes: scratchBytes,
    phases: [
      (call) => {
        const [q, k, v, segments] = call.inputs;
        const [out, logSumExp] = call.outputs;
        const { batch, queryHeads, keyValueHeads, headDim, scale } = call.attributes;
        const { tokens, queryRow, keyRow, scores, scoreRow, own } = layout(call, q);
        const ranges = visibleRanges(segments, call.attributes, tokens);
        if (!ranges) return attention.phases[0](call);
        const [from, to] = shareOf(batch * queryHeads, call);
        for (let pair = from; pair < to; pair++) {
          const sequence = Math.floor(pair / queryHeads);
          const head = pair % queryHeads;
          const firstKeys = ranges[sequence];
          const keyOffset = sequence * tokens * keyRow + 4 * headDim * Math.floor(head / (queryHeads / keyValueHeads));
          for (let block = 0; block < tokens; block += QUERY_BLOCK) {
            const end = Math.min(tokens, block + QUERY_BLOCK);
            const queryOffset = (sequence * tokens + block) * queryRow + 4 * headDim * head;
            const none = { source: 0, sourceRow: 0 };
            multiply(
              wasm,
              {
                m: end - block,
                n: end,
                k: headDim,
                alpha: scale,
                a: { address: q.address + queryOffset, row: queryRow, column: 4 },
                b: { address: k.address + keyOffset, row: 4, column: keyRow },
                y: scores,
                yRow: scoreRow,
                ...none,
              },
              own,
            );
            for (let i = block; i < end; i++) {
              const row = scores + (i - block) * scoreRow;
              const largest = wasm.largest(row, firstKeys[i], i + 1);
              const total = wasm.exponentials(row, firstKeys[i], i + 1, end, largest);
              wasm.scaleRow(row, end, 1 / total);
              logSumExp.data[pair * tokens + i] = largest + Math.log(total);
            }
            multiply(
              wasm,
              {
                m: end - block,
                n: headDim,
                k: end,
                alpha: 1,
                a: { address: scores, row: scoreRow, column: 4 },
                b: { address: v.address + keyOffset, row: keyRow, column: 4 },
                y: out.address + queryOffset,
                yRow: queryRow,
                ...none,
              },
              own,
            );
          }
        }
      },
    ],
  };
}

/** A (sequence, key/value head) pair at a time, with all query heads that read it, so that dk and dv have one writer. */
export function fastAttentionGrad(wasm: WasmFunctions): Kernel<AttentionAttributes> {
  return {
    ownBytes: scratchBytes,
    phases: [
      (call) => {
        const [dOut, q, k, v, segments, out, logSumExp] = call.inputs;
        const [dq, dk, dv] = call.outputs;
        const { batch, queryHeads, keyValueHeads, headDim, scale } = call.attributes;
        const { tokens, queryRow, keyRow, scores, slopes, scoreRow, own } = layout(call, q);
        const ranges = visibleRanges(segments, call.attributes, tokens);
        if (!ranges) return attentionGrad.phases[0](call);
        const groupSize = queryHeads / keyValueHeads;
        const [from, to] = shareOf(batch * keyValueHeads, call);
        for (let pair = from; pair < to; pair++) {
          const sequence = Math.floor(pair / keyValueHeads);
          const keyHead = pair % keyValueHeads;
          const firstKeys = ranges[sequence];
          const keyOffset = sequence * tokens * keyRow + 4 * headDim * keyHead;
          for (let j = 0; j < tokens; j++) {
            const start = (keyOffset + j * keyRow) / 4;
            dk.data.fill(0, start, start + headDim);
            dv.data.fill(0, start, start + headDim);
          }
          for (let head = keyHead * groupSize; head < (keyHead + 1) * groupSize; head++) {
            for (let block = 0; block < tokens; block += QUERY_BLOCK) {
              const end = Math.min(tokens, block + QUERY_BLOCK);
              const rows = end - block;
              const queryOffset = (sequence * tokens + block) * queryRow + 4 * headDim * head;
              const queries = { address: q.address + queryOffset, row: queryRow, column: 4 };
              const outGradient = { address: dOut.address + queryOffset, row: queryRow, column: 4 };
              const toScores = { m: rows, n: end, k: headDim, yRow: scoreRow, source: 0, sourceRow: 0 };
              const toKeys = { m: end, n: headDim, k: rows, alpha: 1, yRow: keyRow, sourceRow: keyRow };
              multiply(
                wasm,
                { ...toScores, alpha: scale, a: queries, b: { address: k.address + keyOffset, row: 4, column: keyRow }, y: scores },
                own,
              );
              multiply(
                wasm,
                { ...toScores, alpha: 1, a: outGradient, b: { address: v.address + keyOffset, row: 4, column: keyRow }, y: slopes },
                own,
              );
              for (let i = block; i < end; i++) {
                const query = queryOffset + (i - block) * queryRow;
                const row = (i - block) * scoreRow;
                const rowDot = wasm.dot(dOut.address + query, out.address + query, headDim);
                wasm.exponentials(scores + row, firstKeys[i], i + 1, end, logSumExp.data[(sequence * queryHeads + head) * tokens + i]);
                wasm.softmaxGrad(scores + row, slopes + row, end, rowDot, scale);
              }
              multiply(
                wasm,
                {
                  ...toKeys,
                  a: { address: scores, row: 4, column: scoreRow },
                  b: outGradient,
                  y: dv.address + keyOffset,
                  source: dv.address + keyOffset,
                },
                own,
              );
              multiply(
                wasm,
                {
                  ...toKeys,
                  a: { address: slopes, row: 4, column: scoreRow },
                  b: queries,
                  y: dk.address + keyOffset,
                  source: dk.address + keyOffset,
                },
                own,
              );
              multiply(
                wasm,
                {
                  m: rows,
                  n: headDim,
                  k: end,
                  alpha: 1,
                  source: 0,
                  sourceRow: 0,
                  a: { address: slopes, row: scoreRow, column: 4 },
                  b: { address: k.address + keyOffset, row: keyRow, column: 4 },
                  y: dq.address + queryOffset,
                  yRow: queryRow,
                },
                own,
              );
            }
          }
        }
      },
    ],
  };
}
