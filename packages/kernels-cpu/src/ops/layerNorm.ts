import type { LayerNormAttributes, NormWeightGradAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const layerNorm: Kernel<LayerNormAttributes> = {
  phases: [
    (call) => {
      const [x, weight, bias] = call.inputs;
      const [y, means, rstds] = call.outputs;
      const width = weight.data.length;
      const [from, to] = shareOf(means.data.length, call);
      for (let group = from; group < to; group++) {
        const start = group * width;
        let sum = 0;
        for (let c = 0; c < width; c++) sum += x.data[start + c];
        const mean = sum / width;
        let squares = 0;
        for (let c = 0; c < width; c++) squares += (x.data[start + c] - mean) ** 2;
        const rstd = 1 / Math.sqrt(squares / width + call.attributes.epsilon);
        means.data[group] = mean;
        rstds.data[group] = rstd;
        for (let c = 0; c < width; c++) y.data[start + c] = (x.data[start + c] - mean) * rstd * weight.data[c] + bias.data[c];
      }
    },
  ],
};

export const layerNormGrad: Kernel = {
  phases: [
    (call) => {
      const [dy, x, weight, means, rstds] = call.inputs;
      const [dx] = call.outputs;
      const width = weight.data.length;
      const [from, to] = shareOf(means.data.length, call);
      for (let group = from; group < to; group++) {
        const start = group * width;
        const mean = means.data[group];
        const rstd = rstds.data[group];
        let sum = 0;
        let dot = 0;
        for (let c = 0; c < width; c++) {
          const g = dy.data[start + c] * weight.data[c];
          sum += g;
          dot += g * (x.data[start + c] - mean) * rstd;
        }
        for (let c = 0; c < width; c++) {
          const normalised = (x.data[start + c] - mean) * rstd;
          dx.data[start + c] = rstd * (dy.data[start + c] * weight.data[c] - sum / width - (normalised * dot) / width);
        }
      }
    },
  ],
};

/** Each thread owns a range of the width and sums it over all groups in ascending order. */
export const layerNormWeightGrad: Kernel<NormWeightGradAttributes> = {
  phases: [
    (call) => {
      const [dy, x, means, rstds] = call.inputs;
      const [dWeight, dBias] = call.outputs;
      const width = dWeight.data.length;
      const [from, to] = shareOf(width, call);
      const weightSums = new Float64Array(to - from);
      const biasSums = new Float64Array(to - from);
      for (let group = 0; group < means.data.length; group++) {
        const start = group * width;
        for (let c = from; c < to; c++) {
          weightSums[c - from] += dy.data[start + c] * (x.data[start + c] - means.data[group]) * rstds.data[group];
          biasSums[c - from] += dy.data[start + c];
        }
      }
      dWeight.data.set(weightSums, from);
      dBias.data.set(biasSums, from);
    },
  ],
};
