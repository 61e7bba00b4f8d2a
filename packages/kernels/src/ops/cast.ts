import { defineOp, expectType, type OpDefinition } from "../op.ts";

export type CastAttributes = { readonly dtype: "f32" | "f16" };

/** y = x in another float type, same shape; rounds to nearest, ties to even. Past 65504 float16 is infinite. No gradient. */
export const cast: OpDefinition<CastAttributes> = defineOp<CastAttributes>({
  name: "cast",
  infer(inputs, { dtype }) {
    expectType.count("cast", inputs, 1);
    expectType.dtype("cast", "x", inputs[0]!, "f32", "f16");
    return [{ shape: inputs[0]!.shape, dtype }];
  },
});
