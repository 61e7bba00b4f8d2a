import { ProgramError } from "../errors.ts";
import { defineOp, expectType, type OpDefinition } from "../op.ts";

/** norm[2] = [sqrt of the sum of squares over all inputs, 1 if that is finite else 0]. Inputs: any number of f32 tensors of any shape. */
export const gradNorm: OpDefinition<Record<never, never>> = defineOp({
  name: "gradNorm",
  infer(inputs) {
    if (inputs.length === 0) throw new ProgramError("invalid-program", "gradNorm: needs at least one gradient", { op: "gradNorm" });
    inputs.forEach((input, index) => expectType.dtype("gradNorm", `gradient ${index}`, input, "f32"));
    return [{ shape: [2], dtype: "f32" }];
  },
});

/**
 * The gate that updates read, gate[3] = [norm[0] / S, norm[1], 1 / S], for gradients that carry the loss scale S: the norm without it, whether
 * it is finite, and what every gradient is multiplied with. Exact for a power of two. Inputs norm[2] of the gradients as they are, scale[1].
 */
export const unscaleNorm: OpDefinition<Record<never, never>> = defineOp({
  name: "unscaleNorm",
  infer(inputs) {
    expectType.count("unscaleNorm", inputs, 2);
    const [norm, scale] = inputs;
    expectType.shape("unscaleNorm", "norm", norm!, [2]);
    expectType.shape("unscaleNorm", "scale", scale!, [1]);
    expectType.dtype("unscaleNorm", "scale", scale!, "f32");
    return [{ shape: [3], dtype: "f32" }];
  },
});

export type AdamwAttributes = {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients are scaled by gate[2] min(1, maxGradNorm / (gate[0] + 1e-6)), PyTorch's clip_grad_norm_. 0 means no clipping. */
  readonly maxGradNorm: number;
};

/**
 * Decoupled weight decay Adam (Loshchilov & Hutter 2019, PyTorch's AdamW), in place. With schedule = [lr, 1 - beta1^t, 1 - beta2^t, 0]
 * from the host in float64 rounded: p *= 1 - lr * weightDecay; m += (1-beta1)(g - m); v = beta2 v + (1-beta2) g^2;
 * p -= lr / bias1 * m / (sqrt(v) / sqrt(bias2) + epsilon). When gate[1] is 0 (a non-finite gradient) nothing is changed.
 * Inputs parameter, gradient, m, v (one shape), schedule[4], gate[3] (see `unscaleNorm`); outputs parameter, m, v. An optional seventh
 * input and fourth output is a float16 copy of the parameter, which becomes the new parameter rounded as `cast` rounds it, whatever it was.
 */
export const adamw: OpDefinition<AdamwAttributes> = defineOp<AdamwAttributes>({
  name: "adamw",
  infer(inputs) {
    expectType.count("adamw", inputs, 6, 7);
    const [parameter, gradient, m, v, schedule, gate, copy] = inputs;
    for (const [operand, type] of [
      ["parameter", parameter],
      ["gradient", gradient],
      ["m", m],
      ["v", v],
    ] as const) {
      expectType.dtype("adamw", operand, type!, "f32");
      expectType.shape("adamw", operand, type!, parameter!.shape);
    }
    expectType.shape("adamw", "schedule", schedule!, [4]);
    expectType.shape("adamw", "gate", gate!, [3]);
    if (copy) {
      expectType.dtype("adamw", "copy", copy, "f16");
      expectType.shape("adamw", "copy", copy, parameter!.shape);
    }
    const { shape } = parameter!;
    return [...[0, 1, 2].map(() => ({ shape, dtype: "f32" as const })), ...(copy ? [{ shape, dtype: "f16" as const }] : [])];
  },
  mayAlias: [
    [0, 0],
    [1, 2],
    [2, 3],
    [3, 6],
  ],
});
