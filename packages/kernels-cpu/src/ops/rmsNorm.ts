import type { NormWeightGradAttributes, RmsNormAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const rmsNorm: Kernel<RmsNormAttributes> = {
  phases: [
    (call) => {
      const [x, weight] = call.inputs;
      const [y, rstd] = call.outputs;
      const { epsilon, weightOffset } = call.attributes;
      const width = weight.data.length;
      const [from, to] = shareOf(rstd.data.length, call);
      for (let group = from; group < to; group++) {
        const start = group * width;
        let squares = 0;
        for (let c = 0; c < width; c++) squares += x.data[start + c] * x.data[start + c];
        const scale = 1 / Math.sqrt(squares / width + epsilon);
        rstd.data[group] = scale;
        for (let c = 0; c < width; c++) y.data[start + c] = x.data[start + c] * scale * (weight.data[c] + weightOffset);
      }
    },
  ],
};

export const rmsNormGrad: Kernel<RmsNormAttributes> = {
  phases: [
    (call) => {
      const [dy, x, weight, rstd] = call.inputs;
      const [dx] = call.outputs;
      const { weightOffset } = call.attributes;
      const width = weight.data.length;
      const [from, to] = shareOf(rstd.data.length, call);
      for (let group = from; group < to; group++) {
        const start = group * width;
        const scale = rstd.data[group];
        let dot = 0;
        for (let c = 0; c < width; c++) dot += dy.data[start + c] * (weight.data[c] + weightOffset) * x.data[start + c];
        const pull = (scale * scale * dot) / width;
        for (let c = 0; c < width; c++) {
          dx.data[start + c] = scale * (dy.data[start + c] * (weight.data[c] + weightOffset) - x.data[start + c] * pull);
        }
      }
    },
  ],
};

/** Each thread owns a range of the width and sums it over all groups in ascending order. */
export const rmsNormWeightGrad: Kernel<NormWeightGradAttributes> = {
  phases: [
    (call) => {
      const [dy, x, rstd, addend] = call.inputs;
      const [dWeight] = call.outputs;
      const width = dWeight.data.length;
      const [from, to] = shareOf(width, call);
      const sums = new Float64Array(to - from);
      for (let group = 0; group < rstd.data.length; group++) {
        const start = group * width;
        for (let c = from; c < to; c++) sums[c - from] += dy.data[start + c] * x.data[start + c] * rstd.data[group];
      }
      for (let c = from; c < to; c++) dWeight.data[c] = sums[c - from] + (addend ? addend.data[c] : 0);
    },
  ],
};
