import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import type { Operand } from "../../operand.ts";
import { softcapFunctions } from "../../wgsl/softcap.ts";
import { emitCopy, emitFill } from "../elementwise/arithmetic.ts";
import { emitScatterRows } from "../embedding/gatherRows.ts";
import { emitMatmul } from "../matmul/matmul.ts";
import { forEachLogitChunk, type LogitChunk } from "./logitChunks.ts";

const THREADS = 256;

/** dx: at supervised rows dLogits · weight, elsewhere 0. The logits of each chunk are computed again. */
export const linearCrossEntropyGrad: OpEmitter = (emitter, { inputs, outputs: [dx], attributes }) => {
  const [, x, weight, rows] = inputs;
  const { alpha } = attributes as LinearCrossEntropyAttributes;
  emitFill(emitter, dx!, 0);
  let product: Operand | undefined;
  forEachLogitChunk(emitter, x!, weight!, rows!, alpha, (chunk) => {
    emitLogitGradient(emitter, inputs, attributes as LinearCrossEntropyAttributes, chunk);
    product ??= emitter.scratch({ shape: chunk.hidden.shape, dtype: "f32" });
    const dHidden: Operand = { ...product, shape: chunk.hidden.shape };
    emitMatmul(emitter, { a: chunk.logits, b: weight!, y: dHidden }, false, false, alpha);
    emitScatterRows(emitter, dHidden, rows!, chunk.first, dx!);
  });
};

/** dWeight = dLogits^T · x over the supervised rows, chunk after chunk in order, plus the optional addend. */
export const linearCrossEntropyWeightGrad: OpEmitter = (emitter, { inputs, outputs: [dWeight], attributes }) => {
  const [, x, weight, rows, , , , addend] = inputs;
  const { alpha } = attributes as LinearCrossEntropyAttributes;
  if (rows!.shape[0] === 0) {
    if (addend) emitCopy(emitter, addend, dWeight!);
    else emitFill(emitter, dWeight!, 0);
  }
  forEachLogitChunk(emitter, x!, weight!, rows!, alpha, (chunk) => {
    emitLogitGradient(emitter, inputs, attributes as LinearCrossEntropyAttributes, chunk);
    const sum = chunk.first === 0 ? addend : dWeight!;
    emitMatmul(emitter, { a: chunk.logits, b: chunk.hidden, addend: sum, y: dWeight! }, true, false, alpha);
  });
};

/** logits := dLoss * weights[r] * (softmax(logits) (1 + 2 zLoss logSumExp[r]) - (1 - e) onehot(targets[r]) - e / V), times the slope of the soft cap; 0 for padding. */
function emitLogitGradient(
  emitter: Emitter,
  inputs: readonly Operand[],
  { softcap, labelSmoothing, zLoss }: LinearCrossEntropyAttributes,
  { first, logits }: LogitChunk,
): void {
  const [dLoss, , , rows, targets, weights, logSumExp] = inputs;
  const [count, vocabulary] = logits.shape as [number, number];
  const kernel = kernelVariant("linearCrossEntropyGrad|logits", () => ({
    label: "linearCrossEntropyGrad, logits",
    workgroupSize: [THREADS, 1],
    bindings: {
      dLoss: "read f32",
      rows: "read i32",
      targets: "read i32",
      weights: "read f32",
      logSumExp: "read f32",
      logits: "read_write f32",
    },
    parameters: { count: "u32", first: "u32", vocabulary: "u32", softcap: "f32", growth: "f32", onTarget: "f32", everywhere: "f32" },
    declarations: softcapFunctions,
    body: `
  let c = group.x * ${THREADS}u + lane;
  if (c >= p.vocabulary) { return; }
  for (var r = group.y; r < p.count; r += groups.y) {
    let slot = p.first + r;
    let logit = capped(logits[r * p.vocabulary + c]);
    var slope = exp(min(logit - logSumExp[slot], 0.0)) * (1.0 + p.growth * logSumExp[slot]) - p.everywhere;
    if (i32(c) == targets[slot]) { slope -= p.onTarget; }
    logits[r * p.vocabulary + c] = select(dLoss[0] * weights[slot] * slope * slopeOfCap(logit), 0.0, rows[slot] < 0);
  }`,
  }));
  emitter.dispatch(
    kernel,
    { dLoss: dLoss!, rows: rows!, targets: targets!, weights: weights!, logSumExp: logSumExp!, logits },
    { count, first, vocabulary, softcap, growth: 2 * zLoss, onTarget: 1 - labelSmoothing, everywhere: labelSmoothing / vocabulary },
    [Math.ceil(vocabulary / THREADS), Math.min(count, emitter.limits.maxWorkgroupsPerDimension)],
  );
}
