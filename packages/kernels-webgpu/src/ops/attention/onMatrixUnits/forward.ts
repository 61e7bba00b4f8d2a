import type { AttentionAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../../kernel.ts";
import { attentionParameters, attentionValues } from "../headTile.ts";
import { sequenceRanges, sequencesOf } from "../sequenceRanges.ts";
import { forwardShape, SUBGROUP_SIZE, SUBGROUPS, THREADS, UNIT, type BlockShape } from "./blockShape.ts";
import {
  addWeighted,
  announceBlock,
  each,
  EXTENSIONS,
  keepLeft,
  laneDeclarations,
  laneVectors,
  list,
  LOG2_E,
  LOWEST,
  scoreProducts,
  segmentBounds,
  sharedDeclarations,
  stageRows,
  stageSegments,
  storeSums,
  storeWeights,
  sumVariables,
  UNSEEN,
} from "./blockText.ts";

/** How far scores may rise above the one that exponentials are taken relative to, in powers of two: 2^8 is far from float16's end. */
const HEADROOM = "8.0";
/** vec4u of a 16x16 float32 matrix. */
const MATRIX_VECTORS = (UNIT * UNIT) / 4;

/**
 * Causal attention on matrix units, a workgroup a block of queries of one head. As in the portable kernel the score that
 * exponentials are relative to rises with the highest seen, but only when it has to: sums on matrix units can be scaled row by
 * row only by way of memory, so that waits until a score passes the reference by HEADROOM (the sum of exponentials divides it
 * out again). Weights are staged as float16, all sums are float32.
 */
export const attentionOnMatrixUnits: OpEmitter = (emitter, { inputs: [q, k, v, segments], outputs: [out, logSumExp], attributes }) => {
  const settings = attributes as AttentionAttributes;
  const tokens = q!.shape[0]! / settings.batch;
  const shape = forwardShape(settings.headDim);
  for (const range of sequenceRanges("attention", settings, tokens, emitter.limits)) {
    const part = (operand: typeof q) => sequencesOf(operand!, settings.batch, range);
    emitter.dispatch(
      forwardKernel(shape, settings.softcap !== 0),
      { q: part(q), k: part(k), v: part(v), segments: part(segments), out: part(out), logSumExp: part(logSumExp) },
      attentionValues(settings, tokens),
      [settings.queryHeads, Math.ceil(tokens / shape.rows), range.count],
    );
  }
};

export function forwardKernel(shape: BlockShape, softcap: boolean): Kernel {
  const { headDim, rows, columns, subgroupRows, operandPitch, scorePitch } = shape;
  const vectors = laneVectors(shape);
  const rowTiles = subgroupRows / UNIT;
  return kernelVariant(`attention|matrixUnits|${headDim}|${subgroupRows}x${columns}|${softcap}`, () => ({
    label: `attention ${headDim} on matrix units`,
    workgroupSize: [THREADS, 1],
    enable: EXTENSIONS,
    bindings: {
      q: "read vec4f",
      k: "read vec4f",
      v: "read vec4f",
      segments: "read i32",
      out: "read_write vec4f",
      logSumExp: "read_write f32",
    },
    parameters: attentionParameters,
    declarations: `
var<workgroup> scores: array<vec4u, ${rows * Math.max(operandPitch, scorePitch)}>;
/** Also where sums are scaled by rows, a matrix a subgroup. */
var<workgroup> kTile: array<vec4u, ${Math.max(columns * operandPitch, SUBGROUPS * MATRIX_VECTORS)}>;
var<workgroup> vTile: array<vec4u, ${columns * operandPitch}>;
var<workgroup> rowFactor: array<f32, ${rows}>;
var<workgroup> hasRisen: array<u32, ${SUBGROUPS}>;
${sharedDeclarations(shape, softcap)}
fn isSeen(query: u32, segment: i32, keys: vec4u, segmentsOfKeys: vec4i) -> vec4<bool> {
  return (keys <= vec4u(query)) & (vec4u(query) < keys + vec4u(reach())) & (segmentsOfKeys == vec4i(segment));
}`,
    body: `
  let sequence = group.z;
  let head = group.x;
  let keyHead = head / (p.queryHeads / p.keyValueHeads);
  let queryWidth = p.queryHeads * ${headDim}u;
  let keyWidth = p.keyValueHeads * ${headDim}u;
  // Late queries see the most keys: they start first.
  let rowStart = (groups.y - 1u - group.y) * ${rows}u;
${laneDeclarations(shape)}
${segmentBounds(shape)}
${stageRows(shape, [{ operand: "q", tile: "scores", rows, start: "rowStart", width: "queryWidth", head: "head" }])}
  workgroupBarrier();
${keepLeft(shape, "query", "scores")}
${sumVariables(shape, "sums")}
  var peak = ${LOWEST};
  var total = 0.0;
  let scoreScale = p.scale * ${LOG2_E};
  var firstKey = 0u;
  if (p.window != 0u && rowStart + 1u > p.window) { firstKey = (rowStart + 1u - p.window) / ${columns}u * ${columns}u; }
  let endKey = min(rowStart + ${rows}u, p.tokens);
${announceBlock("firstKey", "endKey")}
  loop {
    let block = workgroupUniformLoad(&nextBlock);
    let keyStart = block.x;
    if (keyStart >= endKey) { break; }
    let lastKey = keyStart + ${columns - 1}u;
${stageRows(shape, [
  { operand: "k", tile: "kTile", rows: columns, start: "keyStart", width: "keyWidth", head: "keyHead" },
  { operand: "v", tile: "vTile", rows: columns, start: "keyStart", width: "keyWidth", head: "keyHead" },
])}
${stageSegments(shape, "keyStart")}
    if (lane < ${SUBGROUPS}u) { hasRisen[lane] = 0u; }
    workgroupBarrier();
${announceBlock(`keyStart + ${columns}u`, "endKey")}
    let isActive = keyStart <= lastOfSubgroup && firstOfSubgroup < lastKey + reach();
    let isWhole = block.y == 1u && lastKey <= firstOfSubgroup && lastOfSubgroup < keyStart + reach();
    if (isActive) {
${scoreProducts(shape, [{ left: "query", columns: "kTile", scores: "scores" }])}
    }
    workgroupBarrier();
    var factor = 1.0;
    @diagnostic(off, subgroup_uniformity) if (isActive) {
${list(vectors, (n) =>
  softcap
    ? `      var weights${n} = ${LOG2_E} * cappedScore(p.scale * bitcast<vec4f>(scores[ownScores + ${n}u]));`
    : `      var weights${n} = scoreScale * bitcast<vec4f>(scores[ownScores + ${n}u]);`,
)}
      if (!isWhole) {
        let ownKeys = vec4u(keyStart + part * ${shape.laneColumns}u) + vec4u(0u, 1u, 2u, 3u);
${list(vectors, (n) => `        weights${n} = select(vec4f(${LOWEST}), weights${n}, isSeen(ownRow, ownSegment, ownKeys + vec4u(${4 * n}u), columnSegments[part * ${vectors}u + ${n}u]));`)}
      }
      var highest = largestOf(${Array.from({ length: vectors }, (_, n) => `weights${n}`).reduce((all, one) => `max(${all}, ${one})`)});
${shape.lanesPerRow === 2 ? `      highest = max(highest, subgroupShuffleXor(highest, ${subgroupRows}u));` : ""}
      let isStarted = peak > ${UNSEEN};
      if (subgroupAny(isStarted && highest > peak + ${HEADROOM})) {
        if (inSubgroup == 0u) { hasRisen[subgroup] = 1u; }
        if (isStarted) {
          let newPeak = max(peak, highest);
          factor = exp2(peak - newPeak);
          total *= factor;
          peak = newPeak;
        }
      }
      if (!isStarted) { peak = highest; }
      let reference = max(peak, ${UNSEEN});
      var sumOfWeights = vec4f();
${list(vectors, (n) => `      weights${n} = exp2(weights${n} - vec4f(reference)); sumOfWeights += weights${n};`)}
      total += sumOfWeights.x + sumOfWeights.y + sumOfWeights.z + sumOfWeights.w;
${storeWeights(shape, "weights", "scores")}
    }
    if (part == 0u) { rowFactor[firstRow + row] = factor; }
    let risen = workgroupUniformLoad(&hasRisen);
    if ((${Array.from({ length: SUBGROUPS }, (_, i) => `risen[${i}]`).join(" | ")}) != 0u) {
${each(rowTiles, headDim / UNIT, (i, c) => scaleRows(`sums${i}_${c}`, i))}
    }
    if (isActive) {
${addWeighted(shape, [{ sums: "sums", scores: "scores", values: "vTile" }])}
    }
  }
${shape.lanesPerRow === 2 ? `  total += subgroupShuffleXor(total, ${subgroupRows}u);` : ""}
  if (part == 0u) {
    rowFactor[firstRow + row] = 1.0 / total;
    if (ownRow < p.tokens) { logSumExp[(sequence * p.queryHeads + head) * p.tokens + ownRow] = (peak + log2(total)) / ${LOG2_E}; }
  }
${storeSums(shape, "sums", "scores", "out", "queryWidth", "head", (row) => `rowFactor[${row}]`)}`,
  }));
}

/** WGSL that multiplies the rows of a matrix of sums by their factors, by way of memory. */
function scaleRows(matrix: string, i: number): string {
  return `
      subgroupMatrixStore<row_major>(&kTile, subgroup * ${MATRIX_VECTORS}u, ${matrix}, 4u);
      workgroupBarrier();
      for (var slot = inSubgroup; slot < ${MATRIX_VECTORS}u; slot += ${SUBGROUP_SIZE}u) {
        let at = subgroup * ${MATRIX_VECTORS}u + slot;
        kTile[at] = bitcast<vec4u>(rowFactor[firstRow + ${i * UNIT}u + slot / 4u] * bitcast<vec4f>(kTile[at]));
      }
      workgroupBarrier();
      ${matrix} = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&kTile, subgroup * ${MATRIX_VECTORS}u, 4u);
      workgroupBarrier();`;
}
