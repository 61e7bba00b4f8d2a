import { type CastAttributes, encodeHalf } from "@sft/kernels";
import { floatValues } from "../halfFloat.ts";
import { type Kernel, shareOf } from "../kernel.ts";

export const cast: Kernel<CastAttributes> = {
  phases: [
    (call) => {
      const [x] = call.inputs;
      const [y] = call.outputs;
      const [from, to] = shareOf(y.data.length, call);
      const values = floatValues(x.data, from, to - from);
      // Between two float16 tensors, or two float32 ones, this rounds nothing.
      y.data.set(y.data instanceof Uint16Array ? Uint16Array.from(values, encodeHalf) : values, from);
    },
  ],
};
