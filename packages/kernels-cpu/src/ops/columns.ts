import type { PadColumnsAttributes, SliceColumnsAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const rowNorm: Kernel = {
  phases: [
    (call) => {
      const [x] = call.inputs;
      const [y] = call.outputs;
      const columns = x.shape[1];
      const [from, to] = shareOf(x.shape[0], call);
      for (let row = from; row < to; row++) {
        let sum = 0;
        for (let i = row * columns; i < (row + 1) * columns; i++) sum += x.data[i] * x.data[i];
        y.data[row] = Math.sqrt(sum);
      }
    },
  ],
};

export const scaleColumns: Kernel = {
  phases: [
    (call) => {
      const [x, factors] = call.inputs;
      const [y] = call.outputs;
      const [rows, columns] = x.shape;
      const [from, to] = shareOf(rows, call);
      for (let row = from; row < to; row++) {
        for (let column = 0; column < columns; column++)
          y.data[row * columns + column] = x.data[row * columns + column] * factors.data[column];
      }
    },
  ],
};

export const sliceColumns: Kernel<SliceColumnsAttributes> = {
  phases: [
    (call) => {
      const [x] = call.inputs;
      const [y] = call.outputs;
      const { start, width } = call.attributes;
      const columns = x.shape[1];
      const [from, to] = shareOf(x.shape[0], call);
      for (let row = from; row < to; row++) {
        y.data.set(x.data.subarray(row * columns + start, row * columns + start + width), row * width);
      }
    },
  ],
};

export const padColumns: Kernel<PadColumnsAttributes> = {
  phases: [
    (call) => {
      const [x] = call.inputs;
      const [y] = call.outputs;
      const { start, total } = call.attributes;
      const columns = x.shape[1];
      const [from, to] = shareOf(x.shape[0], call);
      y.data.fill(0, from * total, to * total);
      for (let row = from; row < to; row++) {
        y.data.set(x.data.subarray(row * columns, (row + 1) * columns), row * total + start);
      }
    },
  ],
};
