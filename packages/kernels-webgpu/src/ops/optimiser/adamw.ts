import type { OpEmitter } from "../../dispatch.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { emitElementwise } from "../elementwise/elementwiseKernel.ts";
import { clipFunction } from "./updates.ts";

/** Decoupled weight decay Adam in place, as the op table says, and a float16 copy where there is one; nothing is written when gate[1] is 0. */
export const adamw: OpEmitter = (
  emitter,
  { inputs: [parameter, gradient, m, v, schedule, gate, copy], outputs: [newParameter, newM, newV, newCopy], attributes },
) => {
  emitCopy(emitter, parameter!, newParameter!);
  emitCopy(emitter, m!, newM!);
  emitCopy(emitter, v!, newV!);
  if (newCopy) emitCopy(emitter, copy!, newCopy);
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = attributes as Readonly<Record<string, number>>;
  emitElementwise(
    emitter,
    {
      label: "adamw",
      inputs: ["gradient"],
      outputs: ["parameter", "m", "v", ...(newCopy ? ["copy"] : [])],
      shared: { schedule: "read f32", gate: "read f32" },
      parameters: {
        beta1: "f32",
        beta2: "f32",
        oneMinusBeta1: "f32",
        oneMinusBeta2: "f32",
        epsilon: "f32",
        weightDecay: "f32",
        maxGradNorm: "f32",
      },
      declarations: clipFunction,
      body: `
  if (gate[1] == 0.0) { return; }
  let rate = schedule[0];
  let g = gradient[i] * clipOf(gate[0], gate[2]);
  let first = m[i] + p.oneMinusBeta1 * (g - m[i]);
  let second = p.beta2 * v[i] + p.oneMinusBeta2 * g * g;
  let step = rate / schedule[1];
  let moved = parameter[i] * (1.0 - rate * p.weightDecay) - step * first / (sqrt(second) / sqrt(schedule[2]) + T(p.epsilon));
  parameter[i] = moved;
  m[i] = first;
  v[i] = second;${newCopy ? "\n  copy[i] = moved;" : ""}`,
    },
    {
      parameter: newParameter!,
      gradient: gradient!,
      m: newM!,
      v: newV!,
      ...(newCopy ? { copy: newCopy } : {}),
      schedule: schedule!,
      gate: gate!,
    },
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
