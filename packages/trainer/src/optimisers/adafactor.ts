import { descend, elementCount, elementDirection, factoredDirection, gradNorm } from "@sft/kernels";
import { alike, type Optimiser, type UpdateRule } from "./optimiser.ts";

/** transformers' defaults: eps[0], clip_threshold and decay_rate. */
const EPSILON = 1e-30;
const CLIP_THRESHOLD = 1;
const DECAY_RATE = -0.8;

/**
 * Adafactor (Shazeer & Stern 2018) with an outside learning rate, as transformers' Trainer makes it: relative_step and
 * scale_parameter off, no first moment. The direction's root mean square is held at 1 or below.
 */
function ruleFor(shape: readonly number[]): UpdateRule {
  const isMatrix = shape.length === 2;
  return {
    state: (parameter) =>
      isMatrix
        ? [
            { key: "exp_avg_sq_row", shape: [shape[0]!], dtype: "f32" },
            { key: "exp_avg_sq_col", shape: [shape[1]!], dtype: "f32" },
          ]
        : [alike("exp_avg_sq")(parameter)],
    record({ tape, parameter, gradient, state, schedule, gate, weightDecay, settings }) {
      const attributes = { epsilon: EPSILON, maxGradNorm: settings.maxGradNorm };
      const [direction] = isMatrix
        ? tape.apply(factoredDirection, [gradient, ...state, schedule, gate], attributes, [undefined, ...state])
        : tape.apply(elementDirection, [gradient, ...state, schedule, gate], attributes, [undefined, ...state]);
      const [length] = tape.apply(gradNorm, [direction!], {});
      const bound = { factor: 1, weightDecay, maxNorm: CLIP_THRESHOLD * Math.sqrt(elementCount(shape)) };
      tape.apply(descend, [parameter, direction!, schedule, gate, length!], bound, [parameter]);
    },
  };
}

export const adafactor: Optimiser = {
  ruleFor: ({ shape }) => ruleFor(shape),
  schedule: (step) => [1 - (step + 1) ** DECAY_RATE, 0, 0],
};
