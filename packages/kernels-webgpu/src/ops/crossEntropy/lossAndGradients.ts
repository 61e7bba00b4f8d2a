import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { emitTotalLoss } from "./linearCrossEntropy.ts";
import { gradientByHidden, gradientByWeight } from "./linearCrossEntropyGrad.ts";
import { forEachLogitChunk } from "./logitChunks.ts";
import { emitLogitRows } from "./logitRows.ts";

/** Attributes of the loss, the rows of a chunk of logits, and the most rows whose gradients may lie side by side (0 for no more than those). */
export type LossAndGradientsAttributes = LinearCrossEntropyAttributes & { readonly chunkRows: number; readonly gradientRows: number };

/**
 * Loss, its gradient by x and, where there is such an output, by the weight, all from the same logits, chunk after chunk: `linearCrossEntropy` and
 * its two gradients in one. Inputs x, weight, rows, targets, weights, dLoss and the optional addend of dWeight; outputs loss,
 * logSumExp, rowLoss, dx and the optional dWeight.
 */
export const lossAndGradients: OpEmitter = (
  emitter,
  { inputs: [x, weight, rows, targets, weights, dLoss, addend], outputs: [loss, logSumExp, rowLoss, dx, dWeight], attributes },
) => {
  const settings = attributes as LossAndGradientsAttributes;
  const { alpha, chunkRows, gradientRows } = settings;
  const wanted = {
    rows: rows!,
    targets: targets!,
    logSumExp: logSumExp!,
    rowLoss: rowLoss!,
    factors: { dLoss: dLoss!, weights: weights! },
  };
  const emitRows = gradientByHidden(emitter, rows!, dx!, alpha);
  const addRows = dWeight && gradientByWeight(emitter, rows!, addend, dWeight, alpha);
  forEachLogitChunk(
    emitter,
    { x: x!, weight: weight!, rows: rows!, alpha, chunkRows, gradientRows },
    (chunk) => {
      emitLogitRows(emitter, chunk, wanted, settings);
      emitRows(chunk);
    },
    addRows,
  );
  emitTotalLoss(emitter, weights!, rowLoss!, loss!);
};
