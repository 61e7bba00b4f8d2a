import type { AttentionAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";
import { attention } from "../ops/attention.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { multiply } from "./multiply.ts";
import { layout, QUERY_BLOCK, scratchBytes, visibleRanges } from "./queryBlocks.ts";

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
