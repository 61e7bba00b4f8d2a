import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { Emitter, OpEmitter } from "../../dispatch.ts";
import type { Operand } from "../../operand.ts";
import { emitCopy, emitFill } from "../elementwise/arithmetic.ts";
import { emitScatterRows } from "../embedding/gatherRows.ts";
import { emitMatmul } from "../matmul/matmul.ts";
import { forEachLogitChunk, type LogitChunk, type LogitGroup } from "./logitChunks.ts";
import { emitLogitRows } from "./logitRows.ts";

/** dx: at supervised rows dLogits · weight, elsewhere 0. The logits of each chunk are computed again. */
export const linearCrossEntropyGrad: OpEmitter = (emitter, { inputs, outputs: [dx], attributes }) => {
  const [dLoss, x, weight, rows, targets, weights, logSumExp] = inputs;
  const settings = attributes as LinearCrossEntropyAttributes;
  const wanted = { rows: rows!, targets: targets!, logSumExp: logSumExp!, factors: { dLoss: dLoss!, weights: weights! } };
  const emitRows = gradientByHidden(emitter, rows!, dx!, settings.alpha);
  forEachLogitChunk(emitter, { x: x!, weight: weight!, rows: rows!, alpha: settings.alpha }, (chunk) => {
    emitLogitRows(emitter, chunk, wanted, settings);
    emitRows(chunk);
  });
};

/** dWeight = dLogits^T · x over the supervised rows, chunk after chunk in order, plus the optional addend. */
export const linearCrossEntropyWeightGrad: OpEmitter = (emitter, { inputs, outputs: [dWeight], attributes }) => {
  const [dLoss, x, weight, rows, targets, weights, logSumExp, addend] = inputs;
  const settings = attributes as LinearCrossEntropyAttributes;
  const wanted = { rows: rows!, targets: targets!, logSumExp: logSumExp!, factors: { dLoss: dLoss!, weights: weights! } };
  forEachLogitChunk(
    emitter,
    { x: x!, weight: weight!, rows: rows!, alpha: settings.alpha },
    (chunk) => emitLogitRows(emitter, chunk, wanted, settings),
    gradientByWeight(emitter, rows!, addend, dWeight!, settings.alpha),
  );
};

/** Sets dx to 0 and gives what writes the rows of a chunk into it once their gradient is there. */
export function gradientByHidden(emitter: Emitter, rows: Operand, dx: Operand, alpha: number): (chunk: LogitChunk) => void {
  emitFill(emitter, dx, 0);
  let product: Operand | undefined;
  return ({ emitter: ofChunk, first, hidden: { shape }, head, gradient }) => {
    product ??= emitter.scratch({ shape, dtype: "f32" });
    const dHidden: Operand = { ...product, shape };
    emitMatmul(ofChunk, { a: gradient, b: head, y: dHidden }, false, false, alpha);
    emitScatterRows(emitter, dHidden, rows, first, dx);
  };
}

/** Gives what adds a group's part to dWeight: the first one adds it to the addend. Without any rows dWeight is that alone. */
export function gradientByWeight(
  emitter: Emitter,
  rows: Operand,
  addend: Operand | undefined,
  dWeight: Operand,
  alpha: number,
): (group: LogitGroup) => void {
  if (rows.shape[0] === 0) {
    if (addend) emitCopy(emitter, addend, dWeight);
    else emitFill(emitter, dWeight, 0);
  }
  return ({ emitter: ofGroup, first, hidden, gradient }) =>
    emitMatmul(ofGroup, { a: gradient, b: hidden, addend: first === 0 ? addend : dWeight, y: dWeight }, true, false, alpha);
}
