import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant } from "../../kernel.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { softcapOver } from "../../wgsl/softcap.ts";
import { LOWEST } from "../attention/headTile.ts";
import { forEachLogitChunk } from "./logitChunks.ts";

const THREADS = 256;

/** Head and loss over the supervised rows; logits exist for one chunk of rows at a time. */
export const linearCrossEntropy: OpEmitter = (
  emitter,
  { inputs: [x, weight, rows, targets, weights], outputs: [loss, logSumExp, rowLoss], attributes },
) => {
  const { alpha, softcap, labelSmoothing, zLoss } = attributes as LinearCrossEntropyAttributes;
  const vocabulary = weight!.shape[0]!;
  const piece = vocabulary % 4 === 0 ? 4 : 1;
  const wide = piece === 4 ? "vec4f" : "f32";
  const [peakOf, sumOf] =
    piece === 4
      ? [(v: string) => `max(max(${v}.x, ${v}.y), max(${v}.z, ${v}.w))`, (v: string) => `dot(${v}, T(1.0))`]
      : [(v: string) => v, (v: string) => v];
  const rowLosses = kernelVariant(`linearCrossEntropy|rows|${piece}`, () => ({
    label: "linearCrossEntropy, rows",
    workgroupSize: [THREADS, 1],
    bindings: { logits: `read ${wide}`, rows: "read i32", targets: "read i32", logSumExp: "read_write f32", rowLoss: "read_write f32" },
    parameters: { count: "u32", first: "u32", vocabulary: "u32", softcap: "f32", labelSmoothing: "f32", zLoss: "f32" },
    declarations: workgroupReduction(THREADS) + softcapOver(wide),
    body: `
  let r = ${linearGroup};
  if (r >= p.count) { return; }
  let pieces = p.vocabulary / ${piece}u;
  let base = r * pieces;
  var peak = ${LOWEST};
  var total = 0.0;
  var sum = 0.0;
  for (var c = lane; c < pieces; c += ${THREADS}u) {
    let logit = capped(logits[base + c]);
    let newPeak = max(peak, ${peakOf("logit")});
    let terms = exp(logit - newPeak);
    total = total * exp(max(peak - newPeak, -100.0)) + ${sumOf("terms")};
    peak = newPeak;
    sum += ${sumOf("logit")};
  }
  let rowPeak = workgroupMax(peak, lane);
  let rowTotal = workgroupSum(total * exp(max(peak - rowPeak, -100.0)), lane);
  var rowSum = 0.0;
  if (p.labelSmoothing > 0.0) { rowSum = workgroupSum(sum, lane); }
  if (lane != 0u) { return; }
  let slot = p.first + r;
  if (rows[slot] < 0) {
    logSumExp[slot] = 0.0;
    rowLoss[slot] = 0.0;
    return;
  }
  let value = rowPeak + log(rowTotal);
  logSumExp[slot] = value;
  let onTarget = u32(targets[slot]);
  let logit = capped(logits[base + onTarget / ${piece}u])${piece === 4 ? "[onTarget % 4u]" : ""};
  var loss = (1.0 - p.labelSmoothing) * (value - logit) + p.zLoss * value * value;
  if (p.labelSmoothing > 0.0) { loss += p.labelSmoothing * (value - rowSum / f32(p.vocabulary)); }
  rowLoss[slot] = loss;`,
  }));
  forEachLogitChunk(emitter, x!, weight!, rows!, alpha, ({ first, logits }) => {
    const count = logits.shape[0]!;
    emitter.dispatch(
      rowLosses,
      { logits, rows: rows!, targets: targets!, logSumExp: logSumExp!, rowLoss: rowLoss! },
      { count, first, vocabulary, softcap, labelSmoothing, zLoss },
      linearGrid(count, emitter.limits),
    );
  });
  const total = kernelVariant("linearCrossEntropy|total", () => ({
    label: "linearCrossEntropy, total",
    workgroupSize: [THREADS, 1],
    bindings: { weights: "read f32", rowLoss: "read f32", loss: "read_write f32" },
    parameters: { count: "u32" },
    declarations: workgroupReduction(THREADS),
    body: `
  var sum = 0.0;
  for (var r = lane; r < p.count; r += ${THREADS}u) { sum += weights[r] * rowLoss[r]; }
  let value = workgroupSum(sum, lane);
  if (lane == 0u) { loss[0] = value; }`,
  }));
  emitter.dispatch(total, { weights: weights!, rowLoss: rowLoss!, loss: loss! }, { count: rows!.shape[0]! }, [1]);
};
