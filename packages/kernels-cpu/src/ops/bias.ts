import { type Kernel, shareOf } from "../kernel.ts";

export const addBias: Kernel = {
  phases: [
    (call) => {
      const [x, bias] = call.inputs;
      const [y] = call.outputs;
      const [rows, columns] = y.shape;
      const [from, to] = shareOf(rows, call);
      for (let row = from; row < to; row++) {
        for (let column = 0; column < columns; column++)
          y.data[row * columns + column] = x.data[row * columns + column] + bias.data[column];
      }
    },
  ],
};

/** Each thread sums its own columns over all rows in ascending order, in float64. */
export const columnSum: Kernel = {
  phases: [
    (call) => {
      const [x, addend] = call.inputs;
      const [y] = call.outputs;
      const [rows, columns] = x.shape;
      const [from, to] = shareOf(columns, call);
      const sums = new Float64Array(to - from);
      for (let row = 0; row < rows; row++) {
        for (let column = from; column < to; column++) sums[column - from] += x.data[row * columns + column];
      }
      for (let column = from; column < to; column++) y.data[column] = sums[column - from] + (addend ? addend.data[column] : 0);
    },
  ],
};
