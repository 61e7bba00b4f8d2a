import { defineOp, expectType, type OpDefinition } from "../op.ts";
import { elementCount } from "../tensor.ts";
import type { AdamwAttributes } from "./optimiser.ts";
import { expectAlike, expectGate } from "./updates.ts";

/** Elements that share one scale. */
export const STATE_BLOCK = 256;

/** Shapes of the 8-bit state of `elements` elements: bytes four to a word, and one scale a block. */
export function quantisedStateShapes(elements: number): { readonly codes: readonly number[]; readonly scales: readonly number[] } {
  return { codes: [Math.ceil(elements / 4)], scales: [Math.ceil(elements / STATE_BLOCK)] };
}

/**
 * AdamW as `adamw`, with m and v kept in 8 bits (Dettmers et al. 2022): element i of m is signed[byte i] * mScale[floor(i / 256)],
 * where `signed` is dynamicCode(true) and byte i the bits 8 (i mod 4) on of word floor(i / 4); v likewise with dynamicCode(false).
 * Both are unpacked, moved as `adamw` moves them, and used for the parameter unrounded; then each block's scale becomes its largest
 * magnitude and each element the nearest code of element / scale (0 where the scale is 0). Bytes past the end are 0.
 * Inputs parameter, gradient, m, v (i32), mScale, vScale, schedule[4], gate[3]; outputs parameter, m, v, mScale, vScale.
 */
export const adamw8bit: OpDefinition<AdamwAttributes> = defineOp<AdamwAttributes>({
  name: "adamw8bit",
  infer(inputs) {
    expectType.count("adamw8bit", inputs, 8);
    const [parameter, gradient, m, v, mScale, vScale, schedule, gate] = inputs;
    const type = expectAlike("adamw8bit", { parameter, gradient });
    const { codes, scales } = quantisedStateShapes(elementCount(type.shape));
    for (const [operand, codeType] of [
      ["m", m],
      ["v", v],
    ] as const) {
      expectType.dtype("adamw8bit", operand, codeType!, "i32");
      expectType.shape("adamw8bit", operand, codeType!, codes);
    }
    for (const [operand, scaleType] of [
      ["mScale", mScale],
      ["vScale", vScale],
    ] as const) {
      expectType.dtype("adamw8bit", operand, scaleType!, "f32");
      expectType.shape("adamw8bit", operand, scaleType!, scales);
    }
    expectGate("adamw8bit", schedule, gate);
    const words = { shape: codes, dtype: "i32" as const };
    const factors = { shape: scales, dtype: "f32" as const };
    return [type, words, words, factors, factors];
  },
  mayAlias: [
    [0, 0],
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 5],
  ],
});
