import type { MatmulAttributes } from "@sft/kernels";
import { floatValues } from "../halfFloat.ts";
import { type Kernel, shareOf } from "../kernel.ts";

/** y[M,N] = alpha op(a) op(b) + addend, each output row by one thread, each element summed over k in ascending order in float64. */
export const matmul: Kernel<MatmulAttributes> = {
  phases: [
    (call) => {
      const [a, b, addend] = call.inputs;
      const [y] = call.outputs;
      const { transposeA, transposeB, alpha } = call.attributes;
      const [m, n] = y.shape;
      const k = a.shape[transposeA ? 0 : 1];
      const [aRow, aColumn] = transposeA ? [1, m] : [k, 1];
      const [bRow, bColumn] = transposeB ? [1, k] : [n, 1];
      const left = floatValues(a.data);
      const right = floatValues(b.data);
      const sums = new Float64Array(n);
      const [from, to] = shareOf(m, call);
      for (let i = from; i < to; i++) {
        sums.fill(0);
        for (let p = 0; p < k; p++) {
          const factor = left[i * aRow + p * aColumn];
          for (let j = 0; j < n; j++) sums[j] += factor * right[p * bRow + j * bColumn];
        }
        for (let j = 0; j < n; j++) y.data[i * n + j] = alpha * sums[j] + (addend ? addend.data[i * n + j] : 0);
      }
    },
  ],
};
