import { descend, divideByNorm, gradNorm, matmul, momentum, scale, type Tape, type Value } from "@sft/kernels";
import { adamwRule, biasCorrections } from "./adamw.ts";
import { alike, type Optimiser, type UpdateRule } from "./optimiser.ts";

/** Coefficients and number of the Newton-Schulz iterations (Jordan 2024, "Muon: an optimizer for hidden layers"). */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;
const EPSILON = 1e-7;

const product = (transposeA: boolean, transposeB: boolean, alpha: number) => ({ transposeA, transposeB, alpha });

/**
 * An approximation of U V^T of x = U S V^T: x at Frobenius norm 1, then x = A x + (B G + C G^2) x with the Gram matrix G = x x^T,
 * or the same from the right with x^T x where x has fewer columns than rows.
 */
function orthogonalise(tape: Tape, direction: Value): Value {
  const isTall = direction.shape[0]! > direction.shape[1]!;
  const [norm] = tape.apply(gradNorm, [direction], {});
  let x = tape.apply(divideByNorm, [direction, norm!], { epsilon: EPSILON })[0]!;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const gram = tape.apply(matmul, [x, x], isTall ? product(true, false, 1) : product(false, true, 1))[0]!;
    const linear = tape.apply(scale, [gram], { factor: B })[0]!;
    const polynomial = tape.apply(matmul, [gram, gram, linear], product(false, false, C))[0]!;
    const kept = tape.apply(scale, [x], { factor: A })[0]!;
    x = tape.apply(matmul, isTall ? [x, polynomial, kept] : [polynomial, x, kept], product(false, false, 1))[0]!;
  }
  return x;
}

/**
 * Muon with Nesterov momentum. Steps are scaled by 0.2 sqrt(max(rows, columns)) (Liu et al. 2025, section 2.2; PyTorch's
 * match_rms_adamw), so that AdamW's learning rate and weight decay serve both groups.
 */
const muonRule: UpdateRule = {
  state: (parameter) => [alike("momentum_buffer")(parameter)],
  record({ tape, parameter, gradient, state: [buffer], schedule, gate, weightDecay, settings }) {
    const attributes = { momentum: settings.momentum ?? 0.95, maxGradNorm: settings.maxGradNorm };
    const [direction] = tape.apply(momentum, [gradient, buffer!, gate], attributes, [undefined, buffer]);
    const stride = { factor: 0.2 * Math.sqrt(Math.max(...parameter.shape)), weightDecay, maxNorm: 0 };
    tape.apply(descend, [parameter, orthogonalise(tape, direction!), schedule, gate], stride, [parameter]);
  },
};

/** Muon for the matrices of linear layers; AdamW for embeddings, the output head, norms and biases. */
export const muon: Optimiser = {
  ruleFor: ({ kind }) => (kind === "linear" || kind === "conv1d" ? muonRule : adamwRule),
  schedule: biasCorrections,
};
