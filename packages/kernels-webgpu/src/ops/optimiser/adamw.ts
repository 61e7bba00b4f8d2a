import type { OpEmitter } from "../../dispatch.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { emitElementwise } from "../elementwise/elementwiseKernel.ts";

/** Decoupled weight decay Adam in place, as the op table says; nothing is written when norm[1] is 0. */
export const adamw: OpEmitter = (
  emitter,
  { inputs: [parameter, gradient, m, v, schedule, norm], outputs: [newParameter, newM, newV], attributes },
) => {
  emitCopy(emitter, parameter!, newParameter!);
  emitCopy(emitter, m!, newM!);
  emitCopy(emitter, v!, newV!);
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = attributes as Readonly<Record<string, number>>;
  emitElementwise(
    emitter,
    {
      label: "adamw",
      inputs: ["gradient"],
      outputs: ["parameter", "m", "v"],
      shared: { schedule: "read f32", norm: "read f32" },
      parameters: {
        beta1: "f32",
        beta2: "f32",
        oneMinusBeta1: "f32",
        oneMinusBeta2: "f32",
        epsilon: "f32",
        weightDecay: "f32",
        maxGradNorm: "f32",
      },
      body: `
  if (norm[1] == 0.0) { return; }
  let rate = schedule[0];
  let clip = select(1.0, min(1.0, p.maxGradNorm / (norm[0] + 1e-6)), p.maxGradNorm > 0.0);
  let g = gradient[i] * clip;
  let first = m[i] + p.oneMinusBeta1 * (g - m[i]);
  let second = p.beta2 * v[i] + p.oneMinusBeta2 * g * g;
  let step = rate / schedule[1];
  parameter[i] = parameter[i] * (1.0 - rate * p.weightDecay) - step * first / (sqrt(second) / sqrt(schedule[2]) + T(p.epsilon));
  m[i] = first;
  v[i] = second;`,
    },
    { parameter: newParameter!, gradient: gradient!, m: newM!, v: newV!, schedule: schedule!, norm: norm! },
    {
      beta1: beta1!,
      beta2: beta2!,
      oneMinusBeta1: 1 - beta1!,
      oneMinusBeta2: 1 - beta2!,
      epsilon: epsilon!,
      weightDecay: weightDecay!,
      maxGradNorm: maxGradNorm!,
    },
  );
};
