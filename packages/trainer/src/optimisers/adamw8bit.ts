import { adamw8bit as adamw8bitOp, elementCount, quantisedStateShapes } from "@sft/kernels";
import { adamwAttributes, adamwRule, biasCorrections } from "./adamw.ts";
import type { Optimiser, UpdateRule } from "./optimiser.ts";

/** Below this many elements the state stays in float32: it saves nothing there (bitsandbytes' min_8bit_size). */
const SMALLEST = 4096;

/** State in 8 bits; names are bitsandbytes'. Bytes lie four to an i32 word. */
const quantisedRule: UpdateRule = {
  state({ shape }) {
    const { codes, scales } = quantisedStateShapes(elementCount(shape));
    return [
      { key: "state1", shape: codes, dtype: "i32" },
      { key: "state2", shape: codes, dtype: "i32" },
      { key: "absmax1", shape: scales, dtype: "f32" },
      { key: "absmax2", shape: scales, dtype: "f32" },
    ];
  },
  record(update) {
    const { tape, parameter, gradient, state, schedule, gate } = update;
    tape.apply(adamw8bitOp, [parameter, gradient, ...state, schedule, gate], adamwAttributes(update), [parameter, ...state]);
  },
};

export const adamw8bit: Optimiser = {
  ruleFor: ({ shape }) => (elementCount(shape) < SMALLEST ? adamwRule : quantisedRule),
  schedule: biasCorrections,
};
