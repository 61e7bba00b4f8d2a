import { ProgramError } from "../errors.ts";
import { addedTo, defineOp, expectType, type OpDefinition } from "../op.ts";

export type RopeAttributes = {
  readonly headDim: number;
  /** Leading dimensions of each head that rotate; the rest pass through. Even, at most headDim. */
  readonly rotaryDim: number;
  /** Rotates by minus the angle: the gradient. */
  readonly inverse: boolean;
};

/**
 * Rotary position embedding, rotate-half layout: with h = rotaryDim / 2, i < h, c = cos[position, i], s = sin[position, i],
 * y[i] = x[i] c - x[i+h] s and y[i+h] = x[i+h] c + x[i] s within each head of x[N, heads*headDim].
 * Inputs x, positions[N] i32, cos[P, h], sin[P, h]. The tables come from the host in float64 rounded to float32, since
 * a GPU's own sine is too coarse for long positions; every rope scaling is a different table.
 */
export const rope: OpDefinition<RopeAttributes> = defineOp<RopeAttributes>({
  name: "rope",
  infer(inputs, { headDim, rotaryDim }) {
    expectType.count("rope", inputs, 4);
    const [x, positions, cos, sin] = inputs;
    expectType.rank("rope", "x", x!, 2);
    expectType.dtype("rope", "x", x!, "f32");
    if (x!.shape[1]! % headDim !== 0 || rotaryDim > headDim || rotaryDim % 2 !== 0 || rotaryDim < 2) {
      throw new ProgramError(
        "shape-mismatch",
        `rope: ${x!.shape[1]} columns, headDim ${headDim} and rotaryDim ${rotaryDim} do not fit together`,
        { op: "rope" },
      );
    }
    expectType.dtype("rope", "positions", positions!, "i32");
    expectType.shape("rope", "positions", positions!, [x!.shape[0]!]);
    expectType.shape("rope", "cos", cos!, [cos!.shape[0]!, rotaryDim / 2]);
    expectType.shape("rope", "sin", sin!, cos!.shape);
    return [{ shape: x!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [, positions, cos, sin], attributes, outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(rope, [dy!, positions!, cos!, sin!], { ...attributes, inverse: !attributes.inverse })[0]!),
    null,
    null,
    null,
  ],
});
