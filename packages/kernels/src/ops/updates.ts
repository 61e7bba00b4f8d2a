import { defineOp, expectType, type OpDefinition } from "../op.ts";
import type { TensorType } from "../tensor.ts";

/** Gradients are multiplied with gate[2] min(1, maxGradNorm / (gate[0] + 1e-6)) first; 0 means no clipping. */
export type ClippingAttributes = { readonly maxGradNorm: number };

/** Operands that move together: f32, all of the first one's shape. */
export function expectAlike(op: string, operands: Readonly<Record<string, TensorType | undefined>>): TensorType {
  const [first] = Object.values(operands) as [TensorType];
  for (const [operand, type] of Object.entries(operands)) {
    expectType.dtype(op, operand, type!, "f32");
    expectType.shape(op, operand, type!, first.shape);
  }
  return { shape: first.shape, dtype: "f32" };
}

/** The learning rate (schedule[0], float64 rounded by the host) and the gate (gate[1]; 0 changes nothing) of an update; see `unscaleNorm`. */
export function expectGate(op: string, schedule: TensorType | undefined, gate: TensorType | undefined): void {
  if (schedule) expectType.shape(op, "schedule", schedule, [4]);
  if (gate) expectType.shape(op, "gate", gate, [3]);
}

export type SgdAttributes = ClippingAttributes & { readonly momentum: number; readonly weightDecay: number };

/**
 * Stochastic gradient descent with momentum in place, PyTorch's SGD without dampening: g += weightDecay * p;
 * buffer = momentum * buffer + g; p -= lr * buffer. Nothing changes when gate[1] is 0.
 * Inputs parameter, gradient, buffer (one shape), schedule[4], gate[3]; outputs parameter, buffer.
 */
export const sgd: OpDefinition<SgdAttributes> = defineOp<SgdAttributes>({
  name: "sgd",
  infer(inputs) {
    expectType.count("sgd", inputs, 5);
    const [parameter, gradient, buffer, schedule, gate] = inputs;
    const type = expectAlike("sgd", { parameter, gradient, buffer });
    expectGate("sgd", schedule, gate);
    return [type, type];
  },
  mayAlias: [
    [0, 0],
    [1, 2],
  ],
});

export type LionAttributes = ClippingAttributes & { readonly beta1: number; readonly beta2: number; readonly weightDecay: number };

/**
 * Lion in place (Chen et al. 2023, algorithm 2): p = p (1 - lr * weightDecay) - lr * sign(beta1 * m + (1 - beta1) g), where the sign
 * of 0 is 0; then m = beta2 * m + (1 - beta2) g. Nothing changes when gate[1] is 0.
 * Inputs parameter, gradient, m (one shape), schedule[4], gate[3]; outputs parameter, m.
 */
export const lion: OpDefinition<LionAttributes> = defineOp<LionAttributes>({
  name: "lion",
  infer(inputs) {
    expectType.count("lion", inputs, 5);
    const [parameter, gradient, m, schedule, gate] = inputs;
    const type = expectAlike("lion", { parameter, gradient, m });
    expectGate("lion", schedule, gate);
    return [type, type];
  },
  mayAlias: [
    [0, 0],
    [1, 2],
  ],
});

export type MomentumAttributes = ClippingAttributes & { readonly momentum: number };

/**
 * Nesterov's momentum without an update: buffer = momentum * buffer + g, direction = g + momentum * buffer. When gate[1] is 0 the
 * buffer stays and the direction is 0. Inputs gradient, buffer (one shape), gate[3]; outputs direction, buffer.
 */
export const momentum: OpDefinition<MomentumAttributes> = defineOp<MomentumAttributes>({
  name: "momentum",
  infer(inputs) {
    expectType.count("momentum", inputs, 3);
    const [gradient, buffer, gate] = inputs;
    const type = expectAlike("momentum", { gradient, buffer });
    expectGate("momentum", undefined, gate);
    return [type, type];
  },
  mayAlias: [[1, 1]],
});

export type DivideByNormAttributes = { readonly epsilon: number };

/** y = x / (norm[0] + epsilon), any shape: with `gradNorm` of x itself, x at length 1. Inputs x, norm[2]. */
export const divideByNorm: OpDefinition<DivideByNormAttributes> = defineOp<DivideByNormAttributes>({
  name: "divideByNorm",
  infer(inputs) {
    expectType.count("divideByNorm", inputs, 2);
    expectType.shape("divideByNorm", "norm", inputs[1]!, [2]);
    return [expectAlike("divideByNorm", { x: inputs[0] })];
  },
  mayAlias: [[0, 0]],
});

export type DescendAttributes = {
  /** The direction is multiplied by this. */
  readonly factor: number;
  readonly weightDecay: number;
  /** With a fifth input: the direction is divided by max(1, directionNorm[0] / maxNorm). */
  readonly maxNorm: number;
};

/**
 * One step along a direction with decoupled weight decay: p = p (1 - lr * weightDecay) - lr * factor * direction. Nothing changes
 * when gate[1] is 0. Inputs parameter, direction (one shape), schedule[4], gate[3], and the direction's own norm[2] if it is bounded.
 */
export const descend: OpDefinition<DescendAttributes> = defineOp<DescendAttributes>({
  name: "descend",
  infer(inputs) {
    expectType.count("descend", inputs, 4, 5);
    const [parameter, direction, schedule, gate, directionNorm] = inputs;
    const type = expectAlike("descend", { parameter, direction });
    expectGate("descend", schedule, gate);
    if (directionNorm) expectType.shape("descend", "directionNorm", directionNorm, [2]);
    return [type];
  },
  mayAlias: [[0, 0]],
});
