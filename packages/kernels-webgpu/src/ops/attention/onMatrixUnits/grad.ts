import type { AttentionAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../../dispatch.ts";
import { linearGrid, linearGroup } from "../../../grid.ts";
import { kernelVariant, type Kernel } from "../../../kernel.ts";
import { attentionValues } from "../headTile.ts";
import { sequenceRanges, sequencesOf } from "../sequenceRanges.ts";
import { keyShape, queryShape } from "./blockShape.ts";
import { EXTENSIONS, halfKey, LOG2_E, type HalfOperands } from "./blockText.ts";
import { keyGradKernel } from "./keyGrad.ts";
import { queryGradKernel } from "./queryGrad.ts";

/** Of the kernel for statistics: threads of a workgroup, and lanes that read one row together. */
const THREADS = 128;
const ROW_LANES = 8;

/**
 * dq, dk and dv on matrix units from recomputed scores, in the three passes of the portable kernels: statistics of each query,
 * dq by blocks of queries, dk and dv by blocks of keys. No sum is shared between workgroups, so every run adds in the same order.
 */
export const attentionGradOnMatrixUnits: OpEmitter = (
  emitter,
  { inputs: [dOut, q, k, v, segments, out, logSumExp], outputs: [dq, dk, dv], attributes },
) => {
  const settings = attributes as AttentionAttributes;
  const { batch, queryHeads, keyValueHeads, headDim } = settings;
  const tokens = q!.shape[0]! / batch;
  const statistics = emitter.scratch({ shape: [q!.shape[0]! * queryHeads, 4], dtype: "f32" });
  const values = attentionValues(settings, tokens);
  const hasCap = settings.softcap !== 0;
  const [byQueries, byKeys] = [queryShape(headDim), keyShape(headDim)];
  const isHalf = (operand: typeof q): boolean => operand!.dtype === "f16";
  const half = { dOut: isHalf(dOut), q: isHalf(q), k: isHalf(k), v: isHalf(v) };
  for (const range of sequenceRanges("attentionGrad", settings, tokens, emitter.limits)) {
    const part = (operand: typeof q) => sequencesOf(operand!, batch, range);
    const rows = range.count * queryHeads * tokens;
    emitter.dispatch(
      statisticsKernel(headDim, { dOut: isHalf(dOut), out: isHalf(out) }),
      { dOut: part(dOut), out: part(out), logSumExp: part(logSumExp), statistics: part(statistics) },
      { count: rows, tokens, queryHeads },
      linearGrid(Math.ceil((rows * ROW_LANES) / THREADS), emitter.limits),
    );
    const shared = { dOut: part(dOut), q: part(q), k: part(k), v: part(v), segments: part(segments), statistics: part(statistics) };
    emitter.dispatch(queryGradKernel(byQueries, { ...half, dq: isHalf(dq) }, hasCap), { ...shared, dq: part(dq) }, values, [
      queryHeads,
      range.count,
      Math.ceil(tokens / byQueries.rows),
    ]);
    emitter.dispatch(
      keyGradKernel(byKeys, { ...half, dk: isHalf(dk), dv: isHalf(dv) }, hasCap),
      { ...shared, dk: part(dk), dv: part(dv) },
      values,
      [keyValueHeads, range.count, Math.ceil(tokens / byKeys.rows)],
    );
  }
};

/** statistics[sequence, head, token] = (logSumExp to the base 2, sum over the head of dOut * out, largest |dOut|, 0). */
export function statisticsKernel(headDim: number, half: HalfOperands<"dOut" | "out">): Kernel {
  return kernelVariant(`attentionGrad|matrixUnits|statistics|${headDim}|${halfKey(half)}`, () => ({
    label: `attentionGrad ${headDim} on matrix units, statistics`,
    workgroupSize: [THREADS, 1],
    enable: EXTENSIONS,
    bindings: {
      dOut: half.dOut ? "read vec4h" : "read vec4f",
      out: half.out ? "read vec4h" : "read vec4f",
      logSumExp: "read f32",
      statistics: "read_write vec4f",
    },
    parameters: { count: "u32", tokens: "u32", queryHeads: "u32" },
    body: `
  let wanted = (${linearGroup}) * ${THREADS / ROW_LANES}u + lane / ${ROW_LANES}u;
  let row = min(wanted, p.count - 1u);
  var total = 0.0;
  var largest = vec4f();
  for (var vector = lane % ${ROW_LANES}u; vector < ${headDim / 4}u; vector += ${ROW_LANES}u) {
    let slope = vec4f(dOut[row * ${headDim / 4}u + vector]);
    total += dot(slope, vec4f(out[row * ${headDim / 4}u + vector]));
    largest = max(largest, abs(slope));
  }
  var magnitude = max(max(largest.x, largest.y), max(largest.z, largest.w));
${[1, 2, 4].map((step) => `  total += subgroupShuffleXor(total, ${step}u);\n  magnitude = max(magnitude, subgroupShuffleXor(magnitude, ${step}u));`).join("\n")}
  if (wanted < p.count && lane % ${ROW_LANES}u == 0u) {
    let head = row % p.queryHeads;
    let token = (row / p.queryHeads) % p.tokens;
    let sequence = row / (p.queryHeads * p.tokens);
    let slot = (sequence * p.queryHeads + head) * p.tokens + token;
    statistics[slot] = vec4f(logSumExp[slot] * ${LOG2_E}, total, magnitude, 0.0);
  }`,
  }));
}
