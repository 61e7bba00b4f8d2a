import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import { floatValues } from "../halfFloat.ts";
import { type Call, type Kernel, type Operand, shareOf } from "../kernel.ts";

/** logits[V] of one row of x: capped(alpha * x[row] · weight^T). */
function logitsOf(
  x: Operand,
  weight: ArrayLike<number>,
  row: number,
  { alpha, softcap }: LinearCrossEntropyAttributes,
  logits: Float64Array,
): void {
  const width = x.shape[1];
  for (let id = 0; id < logits.length; id++) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += x.data[row * width + c] * weight[id * width + c];
    sum *= alpha;
    logits[id] = softcap === 0 ? sum : softcap * Math.tanh(sum / softcap);
  }
}

/** Turns the logits of supervised row r into the gradient of the loss by x · weight^T. */
function logitGradient(logits: Float64Array, r: number, call: Call<LinearCrossEntropyAttributes>): void {
  const [dLoss, , , , targets, weights, logSumExp] = call.inputs;
  const { alpha, softcap, labelSmoothing, zLoss } = call.attributes;
  const factor = alpha * dLoss.data[0] * weights.data[r];
  const growth = 1 + 2 * zLoss * logSumExp.data[r];
  const everywhere = labelSmoothing / logits.length;
  for (let id = 0; id < logits.length; id++) {
    const slope = softcap === 0 ? 1 : 1 - (logits[id] / softcap) ** 2;
    const wanted = everywhere + (id === targets.data[r] ? 1 - labelSmoothing : 0);
    logits[id] = factor * (growth * Math.exp(logits[id] - logSumExp.data[r]) - wanted) * slope;
  }
}

/** Loss of one row from its logSumExp, its target's logit and the sum of all V logits. */
export function lossOfRow(
  logSumExp: number,
  target: number,
  sum: number,
  vocabulary: number,
  { labelSmoothing, zLoss }: LinearCrossEntropyAttributes,
): number {
  const smooth = labelSmoothing === 0 ? 0 : labelSmoothing * (logSumExp - sum / vocabulary);
  return (1 - labelSmoothing) * (logSumExp - target) + smooth + zLoss * logSumExp * logSumExp;
}

export const linearCrossEntropy: Kernel<LinearCrossEntropyAttributes> = {
  phases: [
    (call) => {
      const [x, weight, rows, targets] = call.inputs;
      const [, logSumExp, rowLoss] = call.outputs;
      const head = floatValues(weight.data);
      const logits = new Float64Array(weight.shape[0]);
      const [from, to] = shareOf(rows.data.length, call);
      for (let r = from; r < to; r++) {
        logSumExp.data[r] = 0;
        rowLoss.data[r] = 0;
        if (rows.data[r] < 0) continue;
        logitsOf(x, head, rows.data[r], call.attributes, logits);
        const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
        const logTotal = largest + Math.log(total);
        logSumExp.data[r] = logTotal;
        rowLoss.data[r] = lossOfRow(
          logTotal,
          logits[targets.data[r]],
          logits.reduce((sum, logit) => sum + logit, 0),
          logits.length,
          call.attributes,
        );
      }
    },
    (call) => {
      if (call.part !== 0) return;
      const [, , , , weights] = call.inputs;
      const [loss, , rowLoss] = call.outputs;
      let sum = 0;
      for (let r = 0; r < rowLoss.data.length; r++) sum += weights.data[r] * rowLoss.data[r];
      loss.data[0] = sum;
    },
  ],
};

export const linearCrossEntropyGrad: Kernel<LinearCrossEntropyAttributes> = {
  phases: [
    (call) => {
      const [dx] = call.outputs;
      dx.data.fill(0, ...shareOf(dx.data.length, call));
    },
    (call) => {
      const [, x, weight, rows] = call.inputs;
      const [dx] = call.outputs;
      const [vocabulary, width] = weight.shape;
      const head = floatValues(weight.data);
      const logits = new Float64Array(vocabulary);
      const sums = new Float64Array(width);
      const [from, to] = shareOf(rows.data.length, call);
      for (let r = from; r < to; r++) {
        if (rows.data[r] < 0) continue;
        logitsOf(x, head, rows.data[r], call.attributes, logits);
        logitGradient(logits, r, call);
        sums.fill(0);
        for (let id = 0; id < vocabulary; id++) {
          for (let c = 0; c < width; c++) sums[c] += logits[id] * head[id * width + c];
        }
        dx.data.set(sums, rows.data[r] * width);
      }
    },
  ],
};

/** The logit gradients of all rows go to scratch first, since each thread then sums over all rows for its own vocabulary range. */
export const linearCrossEntropyWeightGrad: Kernel<LinearCrossEntropyAttributes> = {
  sharedDoubles: ([, , weight, rows]) => rows.shape[0]! * weight.shape[0]!,
  phases: [
    (call) => {
      const [, x, weight, rows] = call.inputs;
      const vocabulary = weight.shape[0];
      const head = floatValues(weight.data);
      const [from, to] = shareOf(rows.data.length, call);
      for (let r = from; r < to; r++) {
        if (rows.data[r] < 0) continue;
        const logits = call.shared.subarray(r * vocabulary, (r + 1) * vocabulary);
        logitsOf(x, head, rows.data[r], call.attributes, logits);
        logitGradient(logits, r, call);
      }
    },
    (call) => {
      const [, x, , rows, , , , addend] = call.inputs;
      const [dWeight] = call.outputs;
      const [vocabulary, width] = dWeight.shape;
      const sums = new Float64Array(width);
      const [from, to] = shareOf(vocabulary, call);
      for (let id = from; id < to; id++) {
        sums.fill(0);
        for (let r = 0; r < rows.data.length; r++) {
          if (rows.data[r] < 0) continue;
          const gradient = call.shared[r * vocabulary + id];
          for (let c = 0; c < width; c++) sums[c] += gradient * x.data[rows.data[r] * width + c];
        }
        for (let c = 0; c < width; c++) dWeight.data[id * width + c] = sums[c] + (addend ? addend.data[id * width + c] : 0);
      }
    },
  ],
};
