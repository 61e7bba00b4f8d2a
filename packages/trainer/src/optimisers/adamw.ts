import { adamw as adamwOp, type AdamwAttributes } from "@sft/kernels";
import { alike, type Optimiser, type Update, type UpdateRule } from "./optimiser.ts";

export function adamwAttributes({ settings, weightDecay }: Update): AdamwAttributes {
  return {
    beta1: settings.adamBeta1,
    beta2: settings.adamBeta2,
    epsilon: settings.adamEpsilon,
    weightDecay,
    maxGradNorm: settings.maxGradNorm,
  };
}

/** Decoupled weight decay Adam; state names are PyTorch's. */
export const adamwRule: UpdateRule = {
  elementwise: true,
  writesHalfCopy: true,
  state: (parameter) => [alike("exp_avg")(parameter), alike("exp_avg_sq")(parameter)],
  record(update) {
    const { tape, parameter, gradient, state, schedule, gate } = update;
    const [m, v] = state;
    const copy = update.halfCopy ? [update.halfCopy] : [];
    tape.apply(adamwOp, [parameter, gradient, m!, v!, schedule, gate, ...copy], adamwAttributes(update), [parameter, m, v, ...copy]);
  },
};

/** The bias corrections 1 - beta^t of both moments. */
export const biasCorrections: Optimiser["schedule"] = (step, { adamBeta1, adamBeta2 }) => [
  1 - adamBeta1 ** (step + 1),
  1 - adamBeta2 ** (step + 1),
  0,
];

export const adamw: Optimiser = { ruleFor: () => adamwRule, schedule: biasCorrections };
