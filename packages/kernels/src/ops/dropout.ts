import { addedTo, defineOp, expectType, type OpDefinition } from "../op.ts";

export type DropoutAttributes = {
  /** Share of elements set to 0, in [0, 1). */ readonly probability: number;
  /** Tells apart the dropouts of one program. */ readonly salt: number;
};

/**
 * Whether element `index` survives: a PCG output hash (O'Neill 2014) of index, salt and seed, compared with the probability.
 * All backends compute this same integer function, so a run does not depend on where it runs.
 */
export function dropoutKeeps(seed: number, salt: number, index: number, probability: number): boolean {
  return pcgHash((index ^ pcgHash((salt ^ pcgHash(seed >>> 0)) >>> 0)) >>> 0) >= Math.floor(probability * 4294967296);
}

/** 32-bit PCG RXS-M-XS as a hash. */
export function pcgHash(input: number): number {
  const state = (Math.imul(input, 747796405) + 2891336453) >>> 0;
  const word = Math.imul(((state >>> ((state >>> 28) + 4)) ^ state) >>> 0, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/** y = x / (1 - probability) where dropoutKeeps(seed, salt, element index), else 0. Inputs x, seed[1] i32. */
export const dropout: OpDefinition<DropoutAttributes> = defineOp<DropoutAttributes>({
  name: "dropout",
  infer(inputs) {
    expectType.count("dropout", inputs, 2);
    expectType.dtype("dropout", "x", inputs[0]!, "f32");
    expectType.dtype("dropout", "seed", inputs[1]!, "i32");
    expectType.shape("dropout", "seed", inputs[1]!, [1]);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [, seed], attributes, outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(dropout, [dy!, seed!], attributes)[0]!),
    null,
  ],
  mayAlias: [[0, 0]],
});
