import { kernelVariant, type Kernel } from "../../../kernel.ts";
import { attentionParameters } from "../headTile.ts";
import { THREADS, type BlockShape } from "./blockShape.ts";
import {
  addWeighted,
  announceBlock,
  EXTENSIONS,
  keepLeft,
  laneDeclarations,
  laneVectors,
  list,
  LOG2_E,
  multiplySums,
  scoreProducts,
  segmentBounds,
  sharedDeclarations,
  stageRows,
  stageSegments,
  storeSums,
  storeWeights,
  sumVariables,
} from "./blockText.ts";
import { gradientScaleFunctions, scaleSlopes, slopeScaleVariable } from "./gradientScale.ts";

/**
 * dq[i] = scale * sum over keys of ds[i, j] k[j], a workgroup a block of queries of one head. Each row of dOut is staged with its
 * own power of two, the slopes ds with one of the subgroup.
 */
export function queryGradKernel(shape: BlockShape, softcap: boolean): Kernel {
  const { headDim, rows, columns, subgroupRows, operandPitch, scorePitch } = shape;
  const vectors = laneVectors(shape);
  return kernelVariant(`attentionGrad|matrixUnits|query|${headDim}|${subgroupRows}x${columns}|${softcap}`, () => ({
    label: `attentionGrad ${headDim} on matrix units, queries`,
    workgroupSize: [THREADS, 1],
    enable: EXTENSIONS,
    bindings: {
      dOut: "read vec4f",
      q: "read vec4f",
      k: "read vec4f",
      v: "read vec4f",
      segments: "read i32",
      statistics: "read vec4f",
      dq: "read_write vec4f",
    },
    parameters: attentionParameters,
    declarations: `
var<workgroup> scores: array<vec4u, ${rows * Math.max(operandPitch, scorePitch)}>;
var<workgroup> weightSlopes: array<vec4u, ${rows * scorePitch}>;
var<workgroup> kTile: array<vec4u, ${columns * operandPitch}>;
var<workgroup> vTile: array<vec4u, ${columns * operandPitch}>;
var<workgroup> rowFactor: array<f32, ${rows}>;
${sharedDeclarations(shape, softcap)}
${gradientScaleFunctions}
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
  let firstStatistic = (sequence * p.queryHeads + head) * p.tokens;
  let ownStatistic = statistics[firstStatistic + min(ownRow, p.tokens - 1u)];
  let ownScale = scaleOf(ownStatistic.z);
  let ownMean = ownScale * ownStatistic.y;
${stageRows(shape, [{ operand: "q", tile: "scores", rows, start: "rowStart", width: "queryWidth", head: "head" }])}
  workgroupBarrier();
${keepLeft(shape, "query", "scores")}
  workgroupBarrier();
${stageRows(shape, [{ operand: "dOut", tile: "scores", rows, start: "rowStart", width: "queryWidth", head: "head", factor: "scaleOf(statistics[firstStatistic + token].z)" }])}
  workgroupBarrier();
${keepLeft(shape, "slope", "scores")}
${sumVariables(shape, "sums")}
${slopeScaleVariable}
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
    workgroupBarrier();
${announceBlock(`keyStart + ${columns}u`, "endKey")}
    let isActive = keyStart <= lastOfSubgroup && firstOfSubgroup < lastKey + reach();
    let isWhole = block.y == 1u && lastKey <= firstOfSubgroup && lastOfSubgroup < keyStart + reach();
    if (isActive) {
${scoreProducts(shape, [
  { left: "query", columns: "kTile", scores: "scores" },
  { left: "slope", columns: "vTile", scores: "weightSlopes" },
])}
    }
    workgroupBarrier();
    @diagnostic(off, subgroup_uniformity) if (isActive) {
${list(vectors, (n) =>
  softcap
    ? `      let capped${n} = cappedScore(p.scale * bitcast<vec4f>(scores[ownScores + ${n}u]));
      let weights${n} = exp2(${LOG2_E} * capped${n} - vec4f(ownStatistic.x)) * slopeOfCap(capped${n});`
    : `      let weights${n} = exp2(scoreScale * bitcast<vec4f>(scores[ownScores + ${n}u]) - vec4f(ownStatistic.x));`,
)}
${list(vectors, (n) => `      var slopes${n} = weights${n} * (bitcast<vec4f>(weightSlopes[ownScores + ${n}u]) - vec4f(ownMean));`)}
      if (!isWhole) {
        let ownKeys = vec4u(keyStart + part * ${shape.laneColumns}u) + vec4u(0u, 1u, 2u, 3u);
${list(vectors, (n) => `        slopes${n} = select(vec4f(), slopes${n}, isSeen(ownRow, ownSegment, ownKeys + vec4u(${4 * n}u), columnSegments[part * ${vectors}u + ${n}u]));`)}
      }
${scaleSlopes(shape, multiplySums(shape, "sums", "drop"))}
${storeWeights(shape, "slopes", "scores")}
    }
    workgroupBarrier();
    if (isActive) {
${addWeighted(shape, [{ sums: "sums", scores: "scores", values: "kTile" }])}
    }
  }
  if (part == 0u) { rowFactor[firstRow + row] = p.scale / ownScale / slopeScale; }
${storeSums(shape, "sums", "scores", "dq", "queryWidth", "head", (row) => `rowFactor[${row}]`)}`,
  }));
}
