import { sgd as sgdOp } from "@sft/kernels";
import { alike, uniform, type Optimiser } from "./optimiser.ts";

/** PyTorch's SGD with momentum; weight decay is added to the gradient. */
export const sgd: Optimiser = uniform({
  elementwise: true,
  state: (parameter) => [alike("momentum_buffer")(parameter)],
  record({ tape, parameter, gradient, state: [buffer], schedule, gate, weightDecay, settings }) {
    const attributes = { momentum: settings.momentum ?? 0.9, weightDecay, maxGradNorm: settings.maxGradNorm };
    tape.apply(sgdOp, [parameter, gradient, buffer!, schedule, gate], attributes, [parameter, buffer]);
  },
});
