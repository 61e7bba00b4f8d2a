import type { AttentionAttributes, WriteCacheAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const writeCache: Kernel<WriteCacheAttributes> = {
  phases: [
    (call) => {
      const [, x, lengths] = call.inputs;
      const [cache] = call.outputs;
      const { batch } = call.attributes;
      const [rows, width] = x.shape;
      const tokens = rows / batch;
      const capacity = cache.shape[0] / batch;
      const [from, to] = shareOf(rows, call);
      for (let row = from; row < to; row++) {
        const sequence = Math.floor(row / tokens);
        const target = sequence * capacity + lengths.data[sequence] + (row % tokens);
        cache.data.set(x.data.subarray(row * width, (row + 1) * width), target * width);
      }
    },
  ],
};

/** One (new token, query head) pair after the other. */
export const cachedAttention: Kernel<AttentionAttributes> = {
  phases: [
    (call) => {
      const [q, keys, values, lengths] = call.inputs;
      const [out] = call.outputs;
      const { batch, queryHeads, keyValueHeads, headDim, scale, window, softcap } = call.attributes;
      const tokens = q.shape[0] / batch;
      const capacity = keys.shape[0] / batch;
      const scores = new Float64Array(capacity);
      const sums = new Float64Array(headDim);
      const [from, to] = shareOf(q.shape[0] * queryHeads, call);
      for (let pair = from; pair < to; pair++) {
        const row = Math.floor(pair / queryHeads);
        const sequence = Math.floor(row / tokens);
        const keyHead = Math.floor((pair % queryHeads) / (queryHeads / keyValueHeads));
        const last = lengths.data[sequence] + (row % tokens);
        const firstVisible = window === 0 ? 0 : Math.max(0, last - window + 1);
        const keyStart = (j: number): number => ((sequence * capacity + j) * keyValueHeads + keyHead) * headDim;
        const query = pair * headDim;
        let largest = -Infinity;
        for (let j = firstVisible; j <= last; j++) {
          const key = keyStart(j);
          let score = 0;
          for (let d = 0; d < headDim; d++) score += q.data[query + d] * keys.data[key + d];
          score *= scale;
          scores[j] = softcap === 0 ? score : softcap * Math.tanh(score / softcap);
          largest = Math.max(largest, scores[j]);
        }
        let total = 0;
        sums.fill(0);
        for (let j = firstVisible; j <= last; j++) {
          const weight = Math.exp(scores[j] - largest);
          const value = keyStart(j);
          total += weight;
          for (let d = 0; d < headDim; d++) sums[d] += weight * values.data[value + d];
        }
        for (let d = 0; d < headDim; d++) out.data[query + d] = sums[d] / total;
      }
    },
  ],
};
