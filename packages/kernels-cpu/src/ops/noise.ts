import { type AddNoiseAttributes, noiseAt } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const addNoise: Kernel<AddNoiseAttributes> = {
  phases: [
    (call) => {
      const [x, seed] = call.inputs;
      const [y] = call.outputs;
      const { amplitude, salt } = call.attributes;
      const [from, to] = shareOf(y.data.length, call);
      for (let i = from; i < to; i++) y.data[i] = x.data[i] + amplitude * noiseAt(seed.data[0], salt, i);
    },
  ],
};
