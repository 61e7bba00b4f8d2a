import type { AttentionAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../../dispatch.ts";
import { attentionValues } from "../headTile.ts";
import { sequenceRanges, sequencesOf } from "../sequenceRanges.ts";
import { keyShape, queryShape } from "./blockShape.ts";
import { keyGradKernel } from "./keyGrad.ts";
import { queryGradKernel } from "./queryGrad.ts";

/**
 * dq, dk and dv on matrix units from recomputed scores: dq and the statistics of each query by blocks of queries, dk and dv by
 * blocks of keys. No sum is shared between workgroups, so every run adds in the same order.
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
    const shared = { dOut: part(dOut), q: part(q), k: part(k), v: part(v), segments: part(segments), statistics: part(statistics) };
    emitter.dispatch(
      queryGradKernel(byQueries, { ...half, out: isHalf(out), dq: isHalf(dq) }, hasCap),
      { ...shared, out: part(out), logSumExp: part(logSumExp), dq: part(dq) },
      values,
      [queryHeads, range.count, Math.ceil(tokens / byQueries.rows)],
    );
    emitter.dispatch(
      keyGradKernel(byKeys, { ...half, dk: isHalf(dk), dv: isHalf(dv) }, hasCap),
      { ...shared, dk: part(dk), dv: part(dv) },
      values,
      [keyValueHeads, range.count, Math.ceil(tokens / byKeys.rows)],
    );
  }
};
