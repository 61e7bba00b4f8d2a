import { addedTo, defineOp, expectType, type OpDefinition } from "../op.ts";
import type { TensorType } from "../tensor.ts";

export type LinearCrossEntropyAttributes = {
  /** Factor of the logits before the soft cap: what brings a weight back that is stored times its inverse. 1 for a weight as it is. */
  readonly alpha: number;
  /** Logits become softcap * tanh(logit / softcap). 0 means none. */
  readonly softcap: number;
  /** Share of the target's probability that is spread evenly over all V classes, PyTorch's label_smoothing. 0 means none. */
  readonly labelSmoothing: number;
  /** Adds zLoss * logSumExp^2 to each row's loss (Chowdhery et al. 2022, PaLM, section 5). 0 means none. */
  readonly zLoss: number;
};

function expectHead(op: string, [x, weight, rows, targets, weights]: readonly TensorType[]): number {
  expectType.rank(op, "x", x!, 2);
  expectType.dtype(op, "x", x!, "f32");
  expectType.dtype(op, "weight", weight!, "f32", "f16");
  expectType.shape(op, "weight", weight!, [weight!.shape[0]!, x!.shape[1]!]);
  expectType.rank(op, "rows", rows!, 1);
  expectType.dtype(op, "rows", rows!, "i32");
  expectType.dtype(op, "targets", targets!, "i32");
  expectType.shape(op, "targets", targets!, rows!.shape);
  expectType.dtype(op, "weights", weights!, "f32");
  expectType.shape(op, "weights", weights!, rows!.shape);
  return rows!.shape[0]!;
}

/**
 * The language-model head and its loss in one op, so that logits exist for a chunk of supervised rows at a time and never
 * as a whole. For r with rows[r] >= 0: logits = cap(alpha * x[rows[r]] · weight^T), and with e = labelSmoothing
 * rowLoss[r] = (1 - e) (logSumExp[r] - logits[targets[r]]) + e (logSumExp[r] - mean(logits)) + zLoss * logSumExp[r]^2;
 * rows[r] = -1 is padding with rowLoss 0 (and any logSumExp). loss = sum of weights[r] * rowLoss[r]: the caller divides by the step's sum of
 * weights, or uploads weights already divided. Row indices are distinct. Nothing is shifted here.
 * Inputs x[N,H], weight[V,H] in float32 or float16, rows[R] i32, targets[R] i32, weights[R] f32; outputs loss[1], logSumExp[R], rowLoss[R].
 */
export const linearCrossEntropy: OpDefinition<LinearCrossEntropyAttributes> = defineOp<LinearCrossEntropyAttributes>({
  name: "linearCrossEntropy",
  infer(inputs) {
    expectType.count("linearCrossEntropy", inputs, 5);
    const count = expectHead("linearCrossEntropy", inputs);
    return [
      { shape: [1], dtype: "f32" },
      { shape: [count], dtype: "f32" },
      { shape: [count], dtype: "f32" },
    ];
  },
  gradient: ({ tape, inputs: [x, weight, rows, targets, weights], outputs: [, logSumExp], attributes, outputGradients: [dLoss] }) => [
    addedTo(tape, () => tape.apply(linearCrossEntropyGrad, [dLoss!, x!, weight!, rows!, targets!, weights!, logSumExp!], attributes)[0]!),
    (addend, into) => {
      const inputs = [dLoss!, x!, weight!, rows!, targets!, weights!, logSumExp!];
      return tape.apply(linearCrossEntropyWeightGrad, addend ? [...inputs, addend] : inputs, attributes, [into])[0]!;
    },
    null,
    null,
    null,
  ],
});

/**
 * dx[N,H]: at row rows[r] it is alpha * dLoss * weights[r] * (softmax(logits) (1 + 2 zLoss logSumExp[r]) - (1 - e) onehot(targets[r]) - e / V) · weight
 * with e = labelSmoothing (times 1 - tanh^2 under a soft cap), at every other row 0. Inputs dLoss[1], x, weight, rows, targets, weights, logSumExp.
 */
export const linearCrossEntropyGrad: OpDefinition<LinearCrossEntropyAttributes> = defineOp<LinearCrossEntropyAttributes>({
  name: "linearCrossEntropyGrad",
  infer(inputs) {
    expectType.count("linearCrossEntropyGrad", inputs, 7);
    const [dLoss, x, , rows, , , logSumExp] = inputs;
    expectType.shape("linearCrossEntropyGrad", "dLoss", dLoss!, [1]);
    expectType.shape("linearCrossEntropyGrad", "logSumExp", logSumExp!, rows!.shape);
    expectHead("linearCrossEntropyGrad", inputs.slice(1));
    return [{ shape: x!.shape, dtype: "f32" }];
  },
});

/** dWeight[V,H], float32 whatever the weight lies in, = alpha * dLogits^T · x over the supervised rows, plus the optional addend. Inputs as for the gradient by x, then addend. */
export const linearCrossEntropyWeightGrad: OpDefinition<LinearCrossEntropyAttributes> = defineOp<LinearCrossEntropyAttributes>({
  name: "linearCrossEntropyWeightGrad",
  infer(inputs) {
    expectType.count("linearCrossEntropyWeightGrad", inputs, 7, 8);
    const [dLoss, , weight, rows, , , logSumExp, addend] = inputs;
    expectType.shape("linearCrossEntropyWeightGrad", "dLoss", dLoss!, [1]);
    expectType.shape("linearCrossEntropyWeightGrad", "logSumExp", logSumExp!, rows!.shape);
    expectHead("linearCrossEntropyWeightGrad", inputs.slice(1));
    if (addend) expectType.shape("linearCrossEntropyWeightGrad", "addend", addend, weight!.shape);
    return [{ shape: weight!.shape, dtype: "f32" }];
  },
  mayAlias: [[0, 7]],
});
