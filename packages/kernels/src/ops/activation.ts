import { addedTo, defineOp, expectType, type Contribution, type OpDefinition } from "../op.ts";
import { multiply } from "./elementwise.ts";

/**
 * silu x/(1+e^-x) · gelu x Phi(x) with the exact erf · geluTanh the tanh approximation 0.5x(1+tanh(sqrt(2/pi)(x+0.044715x^3)))
 * · relu max(x, 0).
 */
export type ActivationKind = "silu" | "gelu" | "geluTanh" | "relu";
export type ActivationAttributes = { readonly kind: ActivationKind };

/** y = f(x), any shape. */
export const activation: OpDefinition<ActivationAttributes> = defineOp<ActivationAttributes>({
  name: "activation",
  infer(inputs) {
    expectType.count("activation", inputs, 1);
    expectType.dtype("activation", "x", inputs[0]!, "f32");
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [x], attributes, outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(activationGrad, [dy!, x!], attributes)[0]!),
  ],
  mayAlias: [[0, 0]],
});

/** dx = dy * f'(x). Inputs dy, x. */
export const activationGrad: OpDefinition<ActivationAttributes> = defineOp<ActivationAttributes>({
  name: "activationGrad",
  infer(inputs) {
    expectType.count("activationGrad", inputs, 2);
    expectType.shape("activationGrad", "dy", inputs[0]!, inputs[1]!.shape);
    return [{ shape: inputs[1]!.shape, dtype: "f32" }];
  },
  mayAlias: [
    [0, 0],
    [0, 1],
  ],
});

/** y = f(gate) * up: SwiGLU with silu, GeGLU with geluTanh. Inputs gate, up of one shape. */
export const gatedActivation: OpDefinition<ActivationAttributes> = defineOp<ActivationAttributes>({
  name: "gatedActivation",
  infer(inputs) {
    expectType.count("gatedActivation", inputs, 2);
    expectType.dtype("gatedActivation", "gate", inputs[0]!, "f32");
    expectType.shape("gatedActivation", "up", inputs[1]!, inputs[0]!.shape);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [gate, up], attributes, outputGradients: [dy] }) => {
    const gradients = tape.apply(gatedActivationGrad, [dy!, gate!, up!], attributes);
    const contribution = (index: number): Contribution => addedTo(tape, () => gradients[index]!);
    return [contribution(0), contribution(1)];
  },
  mayAlias: [
    [0, 0],
    [0, 1],
  ],
  lower: (tape, inputs, attributes) => tape.apply(multiply, [tape.apply(activation, [inputs[0]!], attributes)[0]!, inputs[1]!], {}),
});

/** dGate = dy * up * f'(gate), dUp = dy * f(gate). Inputs dy, gate, up. */
export const gatedActivationGrad: OpDefinition<ActivationAttributes> = defineOp<ActivationAttributes>({
  name: "gatedActivationGrad",
  infer(inputs) {
    expectType.count("gatedActivationGrad", inputs, 3);
    expectType.shape("gatedActivationGrad", "dy", inputs[0]!, inputs[1]!.shape);
    expectType.shape("gatedActivationGrad", "up", inputs[2]!, inputs[1]!.shape);
    return [
      { shape: inputs[1]!.shape, dtype: "f32" },
      { shape: inputs[1]!.shape, dtype: "f32" },
    ];
  },
  lower: (tape, [dy, gate, up], attributes) => [
    tape.apply(multiply, [tape.apply(activationGrad, [dy!, gate!], attributes)[0]!, up!], {})[0]!,
    tape.apply(multiply, [dy!, tape.apply(activation, [gate!], attributes)[0]!], {})[0]!,
  ],
});
