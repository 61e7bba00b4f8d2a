import { type DequantizeNf4Attributes, nf4Weight } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const dequantizeNf4: Kernel<DequantizeNf4Attributes> = {
  phases: [
    (call) => {
      const [codes, scaleCodes, scales, offset] = call.inputs;
      const [y] = call.outputs;
      const tensor = { codes: codes.data, scaleCodes: scaleCodes.data, scales: scales.data, offset: offset.data };
      const [from, to] = shareOf(y.data.length, call);
      for (let i = from; i < to; i++) y.data[i] = nf4Weight(tensor, i);
    },
  ],
};
