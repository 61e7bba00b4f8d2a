import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import type { Operand } from "../../operand.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { forEachLogitChunk } from "./logitChunks.ts";
import { emitLogitRows } from "./logitRows.ts";

const THREADS = 256;

/** Head and loss over the supervised rows; logits exist for one chunk of rows at a time. */
export const linearCrossEntropy: OpEmitter = (
  emitter,
  { inputs: [x, weight, rows, targets, weights], outputs: [loss, logSumExp, rowLoss], attributes },
) => {
  const settings = attributes as LinearCrossEntropyAttributes;
  const wanted = { rows: rows!, targets: targets!, logSumExp: logSumExp!, rowLoss: rowLoss! };
  forEachLogitChunk(emitter, { x: x!, weight: weight!, rows: rows!, alpha: settings.alpha }, (chunk) =>
    emitLogitRows(emitter, chunk, wanted, settings),
  );
  emitTotalLoss(emitter, weights!, rowLoss!, loss!);
};

/** loss = sum of weights[r] * rowLoss[r]. */
export function emitTotalLoss(emitter: Emitter, weights: Operand, rowLoss: Operand, loss: Operand): void {
  const kernel = kernelVariant("linearCrossEntropy|total", () => ({
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
  emitter.dispatch(kernel, { weights, rowLoss, loss }, { count: weights.shape[0]! }, [1]);
}
