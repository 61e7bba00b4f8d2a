import { floatValues } from "../halfFloat.ts";
import { type Kernel, shareOf } from "../kernel.ts";

export const gatherRows: Kernel = {
  phases: [
    (call) => {
      const [x, index] = call.inputs;
      const [y] = call.outputs;
      const [rows, width] = y.shape;
      const [from, to] = shareOf(rows, call);
      for (let row = from; row < to; row++) {
        const source = index.data[row] * width;
        if (source < 0) y.data.fill(0, row * width, (row + 1) * width);
        else y.data.set(floatValues(x.data, source, width), row * width);
      }
    },
  ],
};

/** Each thread owns a range of y's rows and looks for those that have a source. */
export const scatterRows: Kernel = {
  phases: [
    (call) => {
      const [x, index] = call.inputs;
      const [y] = call.outputs;
      const [rows, width] = y.shape;
      const [from, to] = shareOf(rows, call);
      y.data.fill(0, from * width, to * width);
      for (let source = 0; source < index.data.length; source++) {
        const row = index.data[source];
        if (row >= from && row < to) y.data.set(floatValues(x.data, source * width, width), row * width);
      }
    },
  ],
};
