import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { floatElement, type Operand } from "../../operand.ts";
import { softcapOver } from "../../wgsl/softcap.ts";
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
    emitMatmul(chunk.emitter, { a: chunk.gradient, b: chunk.head, y: dHidden }, false, false, alpha);
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
    emitMatmul(chunk.emitter, { a: chunk.gradient, b: chunk.hidden, addend: sum, y: dWeight! }, true, false, alpha);
  });
};

/** gradient := dLoss * weights[r] * (softmax(logits) (1 + 2 zLoss logSumExp[r]) - (1 - e) onehot(targets[r]) - e / V), times the slope of the soft cap; 0 for padding. */
function emitLogitGradient(
  emitter: Emitter,
  inputs: readonly Operand[],
  { softcap, labelSmoothing, zLoss }: LinearCrossEntropyAttributes,
  { first, logits, gradient }: LogitChunk,
): void {
  const [dLoss, , , rows, targets, weights, logSumExp] = inputs;
  const [count, vocabulary] = logits.shape as [number, number];
  const piece = vocabulary % 4 === 0 ? 4 : 1;
  const [wide, to] = [floatElement(logits, piece), floatElement(gradient, piece)] as const;
  const kernel = kernelVariant(`linearCrossEntropyGrad|logits|${to}`, () => ({
    label: "linearCrossEntropyGrad, logits",
    workgroupSize: [THREADS, 1],
    bindings: {
      dLoss: "read f32",
      rows: "read i32",
      targets: "read i32",
      weights: "read f32",
      logSumExp: "read f32",
      logits: `read ${wide}`,
      gradient: `read_write ${to}`,
    },
    parameters: { count: "u32", first: "u32", pieces: "u32", softcap: "f32", growth: "f32", onTarget: "f32", everywhere: "f32" },
    declarations: softcapOver(wide as "f32" | "vec4f"),
    body: `
  let c = group.x * ${THREADS}u + lane;
  if (c >= p.pieces) { return; }
  for (var r = group.y; r < p.count; r += groups.y) {
    let slot = p.first + r;
    let logit = capped(logits[r * p.pieces + c]);
    var slope = exp(min(logit - logSumExp[slot], T(0.0))) * (1.0 + p.growth * logSumExp[slot]) - p.everywhere;
    let supervised = u32(targets[slot]);
    if (c == supervised / ${piece}u) { slope${piece === 4 ? "[supervised % 4u]" : ""} -= p.onTarget; }
    gradient[r * p.pieces + c] = ${to}(select(dLoss[0] * weights[slot] * slope * slopeOfCap(logit), T(0.0), rows[slot] < 0));
  }`,
  }));
  emitter.dispatch(
    kernel,
    { dLoss: dLoss!, rows: rows!, targets: targets!, weights: weights!, logSumExp: logSumExp!, logits, gradient },
    {
      count,
      first,
      pieces: vocabulary / piece,
      softcap,
      growth: 2 * zLoss,
      onTarget: 1 - labelSmoothing,
      everywhere: labelSmoothing / vocabulary,
    },
    [Math.ceil(vocabulary / piece / THREADS), Math.min(count, emitter.limits.maxWorkgroupsPerDimension)],
  );
}
