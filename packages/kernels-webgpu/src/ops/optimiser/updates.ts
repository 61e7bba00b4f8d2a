import type { OpEmitter } from "../../dispatch.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { emitElementwise } from "../elementwise/elementwiseKernel.ts";

/** WGSL `clipOf(norm, unscale)` with `p.maxGradNorm`: what takes out the loss scale, times PyTorch's clip_grad_norm_ factor where that is on. */
export const clipFunction = `
fn clipOf(norm: f32, unscale: f32) -> f32 { return unscale * select(1.0, min(1.0, p.maxGradNorm / (norm + 1e-6)), p.maxGradNorm > 0.0); }
`;

/** Gradient descent with momentum in place; nothing is written when gate[1] is 0. */
export const sgd: OpEmitter = (
  emitter,
  { inputs: [parameter, gradient, buffer, schedule, gate], outputs: [newParameter, newBuffer], attributes },
) => {
  emitCopy(emitter, parameter!, newParameter!);
  emitCopy(emitter, buffer!, newBuffer!);
  const { momentum, weightDecay, maxGradNorm } = attributes as Readonly<Record<string, number>>;
  emitElementwise(
    emitter,
    {
      label: "sgd",
      inputs: ["gradient"],
      outputs: ["parameter", "buffer"],
      shared: { schedule: "read f32", gate: "read f32" },
      parameters: { momentum: "f32", weightDecay: "f32", maxGradNorm: "f32" },
      declarations: clipFunction,
      body: `
  if (gate[1] == 0.0) { return; }
  let moved = p.momentum * buffer[i] + gradient[i] * clipOf(gate[0], gate[2]) + p.weightDecay * parameter[i];
  parameter[i] = parameter[i] - schedule[0] * moved;
  buffer[i] = moved;`,
    },
    { parameter: newParameter!, gradient: gradient!, buffer: newBuffer!, schedule: schedule!, gate: gate! },
    { momentum: momentum!, weightDecay: weightDecay!, maxGradNorm: maxGradNorm! },
  );
};

/** The sign of a moving average in place; nothing is written when gate[1] is 0. */
export const lion: OpEmitter = (
  emitter,
  { inputs: [parameter, gradient, m, schedule, gate], outputs: [newParameter, newM], attributes },
) => {
  emitCopy(emitter, parameter!, newParameter!);
  emitCopy(emitter, m!, newM!);
  const { beta1, beta2, weightDecay, maxGradNorm } = attributes as Readonly<Record<string, number>>;
  emitElementwise(
    emitter,
    {
      label: "lion",
      inputs: ["gradient"],
      outputs: ["parameter", "m"],
      shared: { schedule: "read f32", gate: "read f32" },
      parameters: { beta1: "f32", beta2: "f32", oneMinusBeta1: "f32", oneMinusBeta2: "f32", weightDecay: "f32", maxGradNorm: "f32" },
      declarations: clipFunction,
      body: `
  if (gate[1] == 0.0) { return; }
  let rate = schedule[0];
  let g = gradient[i] * clipOf(gate[0], gate[2]);
  parameter[i] = parameter[i] * (1.0 - rate * p.weightDecay) - rate * sign(p.beta1 * m[i] + p.oneMinusBeta1 * g);
  m[i] = p.beta2 * m[i] + p.oneMinusBeta2 * g;`,
    },
    { parameter: newParameter!, gradient: gradient!, m: newM!, schedule: schedule!, gate: gate! },
    {
      beta1: beta1!,
      beta2: beta2!,
      oneMinusBeta1: 1 - beta1!,
      oneMinusBeta2: 1 - beta2!,
      weightDecay: weightDecay!,
      maxGradNorm: maxGradNorm!,
    },
  );
};

/** Nesterov's direction; it is 0 and the buffer stays when gate[1] is 0. */
export const momentum: OpEmitter = (emitter, { inputs: [gradient, buffer, gate], outputs: [direction, newBuffer], attributes }) => {
  emitCopy(emitter, buffer!, newBuffer!);
  emitElementwise(
    emitter,
    {
      label: "momentum",
      inputs: ["gradient"],
      outputs: ["direction", "buffer"],
      shared: { gate: "read f32" },
      parameters: { momentum: "f32", maxGradNorm: "f32" },
      declarations: clipFunction,
      body: `
  if (gate[1] == 0.0) {
    direction[i] = T(0.0);
    return;
  }
  let g = gradient[i] * clipOf(gate[0], gate[2]);
  let moved = p.momentum * buffer[i] + g;
  direction[i] = g + p.momentum * moved;
  buffer[i] = moved;`,
    },
    { gradient: gradient!, direction: direction!, buffer: newBuffer!, gate: gate! },
    { momentum: attributes["momentum"] as number, maxGradNorm: attributes["maxGradNorm"] as number },
  );
};

/** y = x / (norm[0] + epsilon). */
export const divideByNorm: OpEmitter = (emitter, { inputs: [x, norm], outputs: [y], attributes }) => {
  emitElementwise(
    emitter,
    {
      label: "divideByNorm",
      inputs: ["x"],
      outputs: ["y"],
      shared: { norm: "read f32" },
      parameters: { epsilon: "f32" },
      body: "  y[i] = x[i] / (norm[0] + p.epsilon);",
    },
    { x: x!, y: y!, norm: norm! },
    { epsilon: attributes["epsilon"] as number },
  );
};

/** A step along a direction in place; nothing is written when gate[1] is 0. */
export const descend: OpEmitter = (
  emitter,
  { inputs: [parameter, direction, schedule, gate, directionNorm], outputs: [newParameter], attributes },
) => {
  emitCopy(emitter, parameter!, newParameter!);
  const { factor, weightDecay, maxNorm } = attributes as Readonly<Record<string, number>>;
  emitElementwise(
    emitter,
    {
      label: directionNorm ? "descend, bounded" : "descend",
      inputs: ["direction"],
      outputs: ["parameter"],
      shared: { schedule: "read f32", gate: "read f32", ...(directionNorm ? { directionNorm: "read f32" as const } : {}) },
      parameters: { factor: "f32", weightDecay: "f32", maxNorm: "f32" },
      body: `
  if (gate[1] == 0.0) { return; }
  let rate = schedule[0];
  let stride = rate * p.factor${directionNorm ? " / max(1.0, directionNorm[0] / p.maxNorm)" : ""};
  parameter[i] = parameter[i] * (1.0 - rate * p.weightDecay) - stride * direction[i];`,
    },
    { parameter: newParameter!, direction: direction!, schedule: schedule!, gate: gate!, ...(directionNorm ? { directionNorm } : {}) },
    { factor: factor!, weightDecay: weightDecay!, maxNorm: maxNorm! },
  );
};
