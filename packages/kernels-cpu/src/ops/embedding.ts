import type { EmbeddingGradAttributes } from "@sft/kernels";
import { floatValues } from "../halfFloat.ts";
import { type Kernel, shareOf } from "../kernel.ts";

export const embedding: Kernel = {
  phases: [
    (call) => {
      const [weight, ids] = call.inputs;
      const [y] = call.outputs;
      const [rows, width] = y.shape;
      const [from, to] = shareOf(rows, call);
      for (let row = from; row < to; row++) {
        const source = ids.data[row] * width;
        y.data.set(floatValues(weight.data, source, width), row * width);
      }
    },
  ],
};

/** Each thread owns a range of vocabulary rows and finds their positions in `order`, which is sorted by id. */
export const embeddingGrad: Kernel<EmbeddingGradAttributes> = {
  phases: [
    (call) => {
      const [dy, ids, order, addend] = call.inputs;
      const [dWeight] = call.outputs;
      const [vocabulary, width] = dWeight.shape;
      const [from, to] = shareOf(vocabulary, call);
      const sums = new Float64Array(width);
      let next = firstAtLeast(from, (position) => ids.data[order.data[position]], order.data.length);
      for (let id = from; id < to; id++) {
        const start = id * width;
        const none = next === order.data.length || ids.data[order.data[next]] !== id;
        if (none && addend?.address === dWeight.address) continue;
        for (let c = 0; c < width; c++) sums[c] = addend ? addend.data[start + c] : 0;
        for (; next < order.data.length && ids.data[order.data[next]] === id; next++) {
          const row = order.data[next] * width;
          for (let c = 0; c < width; c++) sums[c] += dy.data[row + c];
        }
        dWeight.data.set(sums, start);
      }
    },
  ],
};

/** First position in 0..count whose value is at least `bound`; values ascend. */
function firstAtLeast(bound: number, valueAt: (position: number) => number, count: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
