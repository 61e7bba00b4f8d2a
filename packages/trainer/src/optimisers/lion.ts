import { lion as lionOp } from "@sft/kernels";
import { alike, uniform, type Optimiser } from "./optimiser.ts";

/** Lion (Chen et al. 2023) with adamBeta1 and adamBeta2 as its betas. It wants about a tenth of AdamW's learning rate. */
export const lion: Optimiser = uniform({
  elementwise: true,
  state: (parameter) => [alike("exp_avg")(parameter)],
  record({ tape, parameter, gradient, state: [m], schedule, gate, weightDecay, settings }) {
    const attributes = { beta1: settings.adamBeta1, beta2: settings.adamBeta2, weightDecay, maxGradNorm: settings.maxGradNorm };
    tape.apply(lionOp, [parameter, gradient, m!, schedule, gate], attributes, [parameter, m]);
  },
});
