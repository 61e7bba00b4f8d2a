import type { AttentionAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

/** Is key j visible to query i of the same sequence that starts at row `first`? Causal, same segment, inside the window. */
function isVisible(segments: ArrayLike<number>, first: number, i: number, j: number, window: number): boolean {
  return j <= i && segments[first + j] === segments[first + i] && (window === 0 || i - j < window);
}

function dot(a: ArrayLike<number>, aStart: number, b: ArrayLike<number>, bStart: number, length: number): number {
  let sum = 0;
  for (let d = 0; d < length; d++) sum += a[aStart + d] * b[bStart + d];
  return sum;
}

const capped = (score: number, softcap: number): number => (softcap === 0 ? score : softcap * Math.tanh(score / softcap));

/** One (sequence, query head) pair after the other; the threads share the pairs. */
export const attention: Kernel<AttentionAttributes> = {
  phases: [
    (call) => {
      const [q, k, v, segments] = call.inputs;
      const [out, logSumExp] = call.outputs;
      const { batch, queryHeads, keyValueHeads, headDim, scale, window, softcap } = call.attributes;
      const tokens = q.shape[0] / batch;
      const scores = new Float64Array(tokens);
      const sums = new Float64Array(headDim);
      const [from, to] = shareOf(batch * queryHeads, call);
      for (let pair = from; pair < to; pair++) {
        const first = Math.floor(pair / queryHeads) * tokens;
        const head = pair % queryHeads;
        const keyHead = Math.floor(head / (queryHeads / keyValueHeads));
        const keyStart = (j: number): number => ((first + j) * keyValueHeads + keyHead) * headDim;
        for (let i = 0; i < tokens; i++) {
          const query = ((first + i) * queryHeads + head) * headDim;
          let largest = -Infinity;
          for (let j = 0; j <= i; j++) {
            if (!isVisible(segments.data, first, i, j, window)) continue;
            scores[j] = capped(scale * dot(q.data, query, k.data, keyStart(j), headDim), softcap);
            largest = Math.max(largest, scores[j]);
          }
          let total = 0;
          sums.fill(0);
          for (let j = 0; j <= i; j++) {
            if (!isVisible(segments.data, first, i, j, window)) continue;
            const weight = Math.exp(scores[j] - largest);
            total += weight;
            for (let d = 0; d < headDim; d++) sums[d] += weight * v.data[keyStart(j) + d];
          }
          for (let d = 0; d < headDim; d++) out.data[query + d] = sums[d] / total;
          logSumExp.data[pair * tokens + i] = largest + Math.log(total);
        }
      }
    },
  ],
};

/** One (sequence, key/value head) pair after the other, with all query heads that read it, so that dk and dv have one writer. */
export const attentionGrad: Kernel<AttentionAttributes> = {
  phases: [
    (call) => {
      const [dOut, q, k, v, segments, out, logSumExp] = call.inputs;
      const [dq, dk, dv] = call.outputs;
      const { batch, queryHeads, keyValueHeads, headDim, scale, window, softcap } = call.attributes;
      const tokens = q.shape[0] / batch;
      const groupSize = queryHeads / keyValueHeads;
      const dqRow = new Float64Array(headDim);
      const dkHead = new Float64Array(tokens * headDim);
      const dvHead = new Float64Array(tokens * headDim);
      const [from, to] = shareOf(batch * keyValueHeads, call);
      for (let pair = from; pair < to; pair++) {
        const sequence = Math.floor(pair / keyValueHeads);
        const first = sequence * tokens;
        const keyHead = pair % keyValueHeads;
        const keyStart = (j: number): number => ((first + j) * keyValueHeads + keyHead) * headDim;
        dkHead.fill(0);
        dvHead.fill(0);
        for (let head = keyHead * groupSize; head < (keyHead + 1) * groupSize; head++) {
          for (let i = 0; i < tokens; i++) {
            const query = ((first + i) * queryHeads + head) * headDim;
            const rowDot = dot(dOut.data, query, out.data, query, headDim);
            dqRow.fill(0);
            for (let j = 0; j <= i; j++) {
              if (!isVisible(segments.data, first, i, j, window)) continue;
              const score = capped(scale * dot(q.data, query, k.data, keyStart(j), headDim), softcap);
              const p = Math.exp(score - logSumExp.data[(sequence * queryHeads + head) * tokens + i]);
              const slope = softcap === 0 ? 1 : 1 - (score / softcap) ** 2;
              const dScore = p * (dot(dOut.data, query, v.data, keyStart(j), headDim) - rowDot) * slope * scale;
              for (let d = 0; d < headDim; d++) {
                dqRow[d] += dScore * k.data[keyStart(j) + d];
                dkHead[j * headDim + d] += dScore * q.data[query + d];
                dvHead[j * headDim + d] += p * dOut.data[query + d];
              }
            }
            dq.data.set(dqRow, query);
          }
        }
        for (let j = 0; j < tokens; j++) {
          dk.data.set(dkHead.subarray(j * headDim, (j + 1) * headDim), keyStart(j));
          dv.data.set(dvHead.subarray(j * headDim, (j + 1) * headDim), keyStart(j));
        }
      }
    },
  ],
};
