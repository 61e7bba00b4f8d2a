import type { AttentionAttributes } from "../../ops/attention.ts";

export interface AttentionLayout {
  /** Query rows a sequence. */
  readonly queries: number;
  /** Key and value rows a sequence. */
  readonly keys: number;
  /** Whether query i of a sequence sees its key j. */
  readonly sees: (sequence: number, i: number, j: number) => boolean;
}

/** softmax(cap(scale q·k)) v, one query at a time, in float64. Returns the output like q and logSumExp [sequence, head, query]. */
export function naiveAttention(
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  v: ArrayLike<number>,
  { batch, queryHeads, keyValueHeads, headDim, scale, softcap }: AttentionAttributes,
  { queries, keys, sees }: AttentionLayout,
): readonly [out: Float64Array, logSumExp: Float64Array] {
  const out = new Float64Array(q.length);
  const logSumExp = new Float64Array(batch * queryHeads * queries);
  for (let sequence = 0; sequence < batch; sequence++) {
    for (let head = 0; head < queryHeads; head++) {
      const keyHead = Math.floor(head / (queryHeads / keyValueHeads));
      for (let i = 0; i < queries; i++) {
        const query = ((sequence * queries + i) * queryHeads + head) * headDim;
        const keyAt = (j: number): number => ((sequence * keys + j) * keyValueHeads + keyHead) * headDim;
        const visible = Array.from({ length: keys }, (_, j) => j).filter((j) => sees(sequence, i, j));
        const scores = visible.map((j) => {
          let dot = 0;
          for (let d = 0; d < headDim; d++) dot += q[query + d]! * k[keyAt(j) + d]!;
          return softcap > 0 ? softcap * Math.tanh((scale * dot) / softcap) : scale * dot;
        });
        const largest = Math.max(...scores);
        const total = largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
        logSumExp[(sequence * queryHeads + head) * queries + i] = total;
        visible.forEach((j, index) => {
          for (let d = 0; d < headDim; d++) out[query + d]! += Math.exp(scores[index]! - total) * v[keyAt(j) + d]!;
        });
      }
    }
  }
  return [out, logSumExp];
}
