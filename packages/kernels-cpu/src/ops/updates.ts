import type { DescendAttributes, DivideByNormAttributes, LionAttributes, MomentumAttributes, SgdAttributes } from "@sft/kernels";
import { type Kernel, type Operand, shareOf } from "../kernel.ts";

/** What takes out the loss scale, times PyTorch's clip_grad_norm_ factor; 0 means no clipping. */
export function clipFactor(gate: Operand, maxGradNorm: number): number {
  return gate.data[2] * (maxGradNorm === 0 ? 1 : Math.min(1, maxGradNorm / (gate.data[0] + 1e-6)));
}

export const sgd: Kernel<SgdAttributes> = {
  phases: [
    (call) => {
      const [parameter, gradient, buffer, schedule, gate] = call.inputs;
      const [newParameter, newBuffer] = call.outputs;
      const { momentum, weightDecay, maxGradNorm } = call.attributes;
      const clip = clipFactor(gate, maxGradNorm);
      const [from, to] = shareOf(parameter.data.length, call);
      for (let i = from; i < to; i++) {
        const old = parameter.data[i];
        const moved = gate.data[1] === 0 ? buffer.data[i] : momentum * buffer.data[i] + gradient.data[i] * clip + weightDecay * old;
        newParameter.data[i] = gate.data[1] === 0 ? old : old - schedule.data[0] * moved;
        newBuffer.data[i] = moved;
      }
    },
  ],
};

export const lion: Kernel<LionAttributes> = {
  phases: [
    (call) => {
      const [parameter, gradient, m, schedule, gate] = call.inputs;
      const [newParameter, newM] = call.outputs;
      const { beta1, beta2, weightDecay, maxGradNorm } = call.attributes;
      const clip = clipFactor(gate, maxGradNorm);
      const rate = schedule.data[0];
      const [from, to] = shareOf(parameter.data.length, call);
      for (let i = from; i < to; i++) {
        const [old, first] = [parameter.data[i], m.data[i]];
        if (gate.data[1] === 0) {
          newParameter.data[i] = old;
          newM.data[i] = first;
          continue;
        }
        const g = gradient.data[i] * clip;
        newParameter.data[i] = old * (1 - rate * weightDecay) - rate * Math.sign(beta1 * first + (1 - beta1) * g);
        newM.data[i] = beta2 * first + (1 - beta2) * g;
      }
    },
  ],
};

export const momentum: Kernel<MomentumAttributes> = {
  phases: [
    (call) => {
      const [gradient, buffer, gate] = call.inputs;
      const [direction, newBuffer] = call.outputs;
      const { momentum: factor, maxGradNorm } = call.attributes;
      const clip = clipFactor(gate, maxGradNorm);
      const [from, to] = shareOf(gradient.data.length, call);
      for (let i = from; i < to; i++) {
        const g = gradient.data[i] * clip;
        const moved = gate.data[1] === 0 ? buffer.data[i] : factor * buffer.data[i] + g;
        direction.data[i] = gate.data[1] === 0 ? 0 : g + factor * moved;
        newBuffer.data[i] = moved;
      }
    },
  ],
};

export const divideByNorm: Kernel<DivideByNormAttributes> = {
  phases: [
    (call) => {
      const [x, norm] = call.inputs;
      const [y] = call.outputs;
      const divisor = norm.data[0] + call.attributes.epsilon;
      const [from, to] = shareOf(y.data.length, call);
      for (let i = from; i < to; i++) y.data[i] = x.data[i] / divisor;
    },
  ],
};

export const descend: Kernel<DescendAttributes> = {
  phases: [
    (call) => {
      const [parameter, direction, schedule, gate, directionNorm] = call.inputs;
      const [newParameter] = call.outputs;
      const { factor, weightDecay, maxNorm } = call.attributes;
      const rate = schedule.data[0];
      const stride = (rate * factor) / (directionNorm ? Math.max(1, directionNorm.data[0] / maxNorm) : 1);
      const [from, to] = shareOf(parameter.data.length, call);
      for (let i = from; i < to; i++) {
        const old = parameter.data[i];
        newParameter.data[i] = gate.data[1] === 0 ? old : old * (1 - rate * weightDecay) - stride * direction.data[i];
      }
    },
  ],
};
