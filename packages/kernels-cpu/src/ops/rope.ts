import type { RopeAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const rope: Kernel<RopeAttributes> = {
  phases: [
    (call) => {
      const [x, positions, cos, sin] = call.inputs;
      const [y] = call.outputs;
      const { headDim, rotaryDim, inverse } = call.attributes;
      const [rows, width] = x.shape;
      const half = rotaryDim / 2;
      const direction = inverse ? -1 : 1;
      const [from, to] = shareOf(rows, call);
      for (let row = from; row < to; row++) {
        const angles = positions.data[row] * half;
        for (let head = row * width; head < (row + 1) * width; head += headDim) {
          for (let i = 0; i < half; i++) {
            const c = cos.data[angles + i];
            const s = direction * sin.data[angles + i];
            const first = x.data[head + i];
            const second = x.data[head + half + i];
            y.data[head + i] = first * c - second * s;
            y.data[head + half + i] = second * c + first * s;
          }
          for (let i = rotaryDim; i < headDim; i++) y.data[head + i] = x.data[head + i];
        }
      }
    },
  ],
};
