import { type DropoutAttributes, dropoutKeeps } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";

export const dropout: Kernel<DropoutAttributes> = {
  phases: [
    (call) => {
      const [x, seed] = call.inputs;
      const [y] = call.outputs;
      const { probability, salt } = call.attributes;
      const kept = 1 / (1 - probability);
      const [from, to] = shareOf(y.data.length, call);
      for (let i = from; i < to; i++) y.data[i] = dropoutKeeps(seed.data[0], salt, i, probability) ? x.data[i] * kept : 0;
    },
  ],
};
