import type { AttentionAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";
import { attentionGrad } from "../ops/attention.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { multiply } from "./multiply.ts";
import { layout, QUERY_BLOCK, scratchBytes, visibleRanges } from "./queryBlocks.ts";

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
