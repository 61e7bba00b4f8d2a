import type { AttentionAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../../kernel.ts";
import { attentionParameters, attentionValues } from "../headTile.ts";
import { sequenceRanges, sequencesOf } from "../sequenceRanges.ts";
import { queryShape, type BlockShape } from "./blockShape.ts";
import { EXTENSIONS, halfKey, list, LOG2_E, LOWEST, operandBindings, sharedDeclarations, UNSEEN, type HalfOperands } from "./blockText.ts";
import { columnTiles } from "./columnTiles.ts";
import { keepLeft, multiplyRows, storeSums, sumVariables } from "./ownRows.ts";
import { isSeenByQuery, nextKeyBlock, queryDeclarations } from "./queryBlocks.ts";
import { addWeighted, laneScores, maskUnseen, storeWeights } from "./scoreExchange.ts";
import { columnBoundVariable } from "./visibleColumns.ts";

/** How far scores may rise above the one that exponentials are taken relative to, in powers of two: 2^8 is far from float16's end. */
const HEADROOM = "8.0";

/**
 * Causal attention on matrix units, a workgroup a block of queries of one head. As in the portable kernel the score that
 * exponentials are relative to rises with the highest seen, but only when it has to: sums on matrix units can be scaled row by
 * row only by way of memory, so that waits until a score passes the reference by HEADROOM (the sum of exponentials divides it
 * out again). Weights are staged as float16, all sums are float32.
 */
export const attentionOnMatrixUnits: OpEmitter = (emitter, { inputs: [q, k, v, segments], outputs: [out, logSumExp], attributes }) => {
  const settings = attributes as AttentionAttributes;
  const tokens = q!.shape[0]! / settings.batch;
  const shape = queryShape(settings.headDim);
  const half = { q: q!.dtype === "f16", k: k!.dtype === "f16", v: v!.dtype === "f16", out: out!.dtype === "f16" };
  for (const range of sequenceRanges("attention", settings, tokens, emitter.limits)) {
    const part = (operand: typeof q) => sequencesOf(operand!, settings.batch, range);
    emitter.dispatch(
      forwardKernel(shape, half, settings.softcap !== 0),
      { q: part(q), k: part(k), v: part(v), segments: part(segments), out: part(out), logSumExp: part(logSumExp) },
      attentionValues(settings, tokens),
      [settings.queryHeads, range.count, Math.ceil(tokens / shape.rows)],
    );
  }
};

export function forwardKernel(shape: BlockShape, half: HalfOperands<"q" | "k" | "v" | "out">, softcap: boolean): Kernel {
  const { headDim, rows, columns, subgroupRows, subgroups, threads, scorePitch, laneVectors, lanesPerRow } = shape;
  const ofQueries = { width: "queryWidth", head: "head" };
  const ofKeys = { width: "keyWidth", head: "keyHead" };
  const tiles = columnTiles(shape, [
    { operand: "k", half: half.k, tile: "kTile", ...ofKeys },
    { operand: "v", half: half.v, tile: "vTile", ...ofKeys },
  ]);
  const weights = (n: number): string => `weights${n}`;
  return kernelVariant(`attention|matrixUnits|${headDim}|${subgroupRows}x${subgroups}x${columns}|${halfKey(half)}|${softcap}`, () => ({
    label: `attention ${headDim} on matrix units`,
    workgroupSize: [threads, 1],
    enable: EXTENSIONS,
    bindings: {
      ...operandBindings("read", half, ["q", "k", "v"]),
      segments: "read i32",
      ...operandBindings("read_write", half, ["out"]),
      logSumExp: "read_write f32",
    },
    parameters: attentionParameters,
    declarations: `
var<workgroup> scores: array<vec4u, ${rows * scorePitch}>;
var<workgroup> rowFactor: array<f32, ${rows}>;
var<workgroup> hasRisen: array<u32, ${subgroups}>;
${columnBoundVariable}
${tiles.variables}
${sharedDeclarations(softcap)}${isSeenByQuery}`,
    body: `${queryDeclarations(shape)}
${keepLeft(shape, "query", { operand: "q", half: half.q, ...ofQueries })}
${sumVariables(shape, "sums")}
${tiles.registers}
  var peak = ${LOWEST};
  var total = 0.0;
  let scoreScale = p.scale * ${LOG2_E};
  var columnStart = firstColumn;
${tiles.fetch("columnStart")}
${tiles.write}
  loop {
${nextKeyBlock(shape, tiles)}
    var factor = 1.0;
    var rises = 0u;
${list(laneVectors, (n) => `    var ${weights(n)} = vec4f();`)}
    @diagnostic(off, subgroup_uniformity) if (isActive) {
${list(laneVectors, (n) =>
  softcap
    ? `      ${weights(n)} = ${LOG2_E} * cappedScore(p.scale * ${laneScores(shape, n)});`
    : `      ${weights(n)} = scoreScale * ${laneScores(shape, n)};`,
)}
      if (!isWhole) {
${maskUnseen(shape, "weights", `vec4f(${LOWEST})`)}
      }
      var highest = largestOf(${Array.from({ length: laneVectors }, (_, n) => weights(n)).reduce((all, one) => `max(${all}, ${one})`)});
${lanesPerRow === 2 ? `      highest = max(highest, subgroupShuffleXor(highest, ${subgroupRows}u));` : ""}
      let isStarted = peak > ${UNSEEN};
      if (subgroupAny(isStarted && highest > peak + ${HEADROOM})) {
        rises = 1u;
        if (isStarted) {
          let newPeak = max(peak, highest);
          factor = exp2(peak - newPeak);
          total *= factor;
          peak = newPeak;
        }
      }
      if (!isStarted) { peak = highest; }
    }
    if (part == 0u) { rowFactor[firstRow + row] = factor; }
    if (inSubgroup == 0u) { hasRisen[subgroup] = rises; }
    let risen = workgroupUniformLoad(&hasRisen);
    if ((${Array.from({ length: subgroups }, (_, i) => `risen[${i}]`).join(" | ")}) != 0u) {
${multiplyRows(shape, "sums")}
    }
    @diagnostic(off, subgroup_uniformity) if (isActive) {
      let reference = vec4f(max(peak, ${UNSEEN}));
      var sumOfWeights = vec4f();
${list(laneVectors, (n) => `      ${weights(n)} = exp2(${weights(n)} - reference);\n      sumOfWeights += ${weights(n)};`)}
      total += sumOfWeights.x + sumOfWeights.y + sumOfWeights.z + sumOfWeights.w;
${storeWeights(shape, "weights")}
    }
    workgroupBarrier();
    if (isActive) {
${addWeighted(shape, "sums", 0, "vTile")}
    }
    if (!more) { break; }
    columnStart += ${columns}u;
    workgroupBarrier();
${tiles.write}
  }
${lanesPerRow === 2 ? `  total += subgroupShuffleXor(total, ${subgroupRows}u);` : ""}
  if (part == 0u) {
    rowFactor[firstRow + row] = 1.0 / total;
    if (ownRow < p.tokens) { logSumExp[(sequence * p.queryHeads + head) * p.tokens + ownRow] = (peak + log2(total)) / ${LOG2_E}; }
  }
${storeSums(shape, "sums", { operand: "out", half: half.out, ...ofQueries }, (row) => `rowFactor[${row}]`)}`,
  }));
}
