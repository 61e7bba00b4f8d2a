import { defineOp, expectType, type OpDefinition } from "../op.ts";
import { pcgHash } from "./dropout.ts";

export type AddNoiseAttributes = {
  /** Noise is uniform in [-amplitude, amplitude). */ readonly amplitude: number;
  /** Tells apart the draws of one program. */ readonly salt: number;
};

/** The draw for element `index` in [-1, 1), a multiple of 2^-23: the high 24 bits of the hash that `dropoutKeeps` compares. */
export function noiseAt(seed: number, salt: number, index: number): number {
  return (pcgHash((index ^ pcgHash((salt ^ pcgHash(seed >>> 0)) >>> 0)) >>> 0) >>> 8) * 2 ** -23 - 1;
}

/** y = x + amplitude * noiseAt(seed, salt, element index), any shape. Inputs x, seed[1] i32. */
export const addNoise: OpDefinition<AddNoiseAttributes> = defineOp<AddNoiseAttributes>({
  name: "addNoise",
  infer(inputs) {
    expectType.count("addNoise", inputs, 2);
    expectType.dtype("addNoise", "x", inputs[0]!, "f32");
    expectType.dtype("addNoise", "seed", inputs[1]!, "i32");
    expectType.shape("addNoise", "seed", inputs[1]!, [1]);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, outputGradients: [dy] }) => [
    (addend, into) => (addend ? tape.add(addend, dy!, into) : into ? tape.copy(dy!, into) : dy!),
    null,
  ],
  mayAlias: [[0, 0]],
});
