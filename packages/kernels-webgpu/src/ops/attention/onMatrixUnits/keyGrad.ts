import { kernelVariant, type Kernel } from "../../../kernel.ts";
import { attentionParameters } from "../headTile.ts";
import { SUBGROUP_SIZE, THREADS, type BlockShape } from "./blockShape.ts";
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
 * dv[j] = sum over queries of weight[i, j] dOut[i] and dk[j] = scale * sum of ds[i, j] q[i], a workgroup a block of keys of one
 * key head, the query heads that read it one after the other. dOut is staged with one power of two, which drops when a block of
 * queries with larger gradients comes; the sums are scaled down with it.
 */
export function keyGradKernel(shape: BlockShape, softcap: boolean): Kernel {
  const { headDim, rows, columns, subgroupRows, operandPitch, scorePitch } = shape;
  const vectors = laneVectors(shape);
  return kernelVariant(`attentionGrad|matrixUnits|key|${headDim}|${subgroupRows}x${columns}|${softcap}`, () => ({
    label: `attentionGrad ${headDim} on matrix units, keys`,
    workgroupSize: [THREADS, 1],
    enable: EXTENSIONS,
    bindings: {
      dOut: "read vec4f",
      q: "read vec4f",
      k: "read vec4f",
      v: "read vec4f",
      segments: "read i32",
      statistics: "read vec4f",
      dk: "read_write vec4f",
      dv: "read_write vec4f",
    },
    parameters: attentionParameters,
    declarations: `
var<workgroup> scores: array<vec4u, ${rows * Math.max(operandPitch, scorePitch)}>;
var<workgroup> weightSlopes: array<vec4u, ${rows * scorePitch}>;
var<workgroup> qTile: array<vec4u, ${columns * operandPitch}>;
var<workgroup> slopeTile: array<vec4u, ${columns * operandPitch}>;
/** logSumExp and scaled mean slope of the staged queries. */
var<workgroup> columnNorms: array<vec4f, ${columns / 4}>;
var<workgroup> columnMeans: array<vec4f, ${columns / 4}>;
var<workgroup> rowFactor: array<f32, ${rows}>;
${sharedDeclarations(shape, softcap)}
${gradientScaleFunctions}
fn isSeen(key: u32, segment: i32, queries: vec4u, segmentsOfQueries: vec4i) -> vec4<bool> {
  return (queries >= vec4u(key)) & (queries < vec4u(min(key + reach(), p.tokens))) & (segmentsOfQueries == vec4i(segment));
}`,
    body: `
  let sequence = group.z;
  let keyHead = group.x;
  let headsPerKeyHead = p.queryHeads / p.keyValueHeads;
  let queryWidth = p.queryHeads * ${headDim}u;
  let keyWidth = p.keyValueHeads * ${headDim}u;
  // Early keys are seen by the most queries, and groups start in this order.
  let rowStart = group.y * ${rows}u;
${laneDeclarations(shape)}
${segmentBounds(shape)}
${stageRows(shape, [{ operand: "k", tile: "scores", rows, start: "rowStart", width: "keyWidth", head: "keyHead" }])}
  workgroupBarrier();
${keepLeft(shape, "key", "scores")}
  workgroupBarrier();
${stageRows(shape, [{ operand: "v", tile: "scores", rows, start: "rowStart", width: "keyWidth", head: "keyHead" }])}
  workgroupBarrier();
${keepLeft(shape, "value", "scores")}
${sumVariables(shape, "sumsK")}
${sumVariables(shape, "sumsV")}
${slopeScaleVariable}
  var outScale = scaleOf(0.0);
  let scoreScale = p.scale * ${LOG2_E};
  var endQuery = p.tokens;
  if (p.window != 0u) { endQuery = min(endQuery, rowStart + ${rows - 1}u + p.window); }
  for (var head = keyHead * headsPerKeyHead; head < (keyHead + 1u) * headsPerKeyHead; head++) {
    let firstStatistic = (sequence * p.queryHeads + head) * p.tokens;
${announceBlock("rowStart", "endQuery")}
    loop {
      let block = workgroupUniformLoad(&nextBlock);
      let queryStart = block.x;
      if (queryStart >= endQuery) { break; }
      let lastQuery = queryStart + ${columns - 1}u;
      var magnitude = 0.0;
${list(columns / SUBGROUP_SIZE, (i) => `      magnitude = max(magnitude, statistics[firstStatistic + min(queryStart + ${i * SUBGROUP_SIZE}u + inSubgroup, p.tokens - 1u)].z);`)}
      let newScale = min(outScale, scaleOf(subgroupMax(magnitude)));
      if (newScale != outScale) {
        let drop = newScale / outScale;
        outScale = newScale;
${multiplySums(shape, "sumsK", "drop")}
${multiplySums(shape, "sumsV", "drop")}
      }
${stageRows(shape, [
  { operand: "q", tile: "qTile", rows: columns, start: "queryStart", width: "queryWidth", head: "head" },
  { operand: "dOut", tile: "slopeTile", rows: columns, start: "queryStart", width: "queryWidth", head: "head", factor: "outScale" },
])}
${stageSegments(shape, "queryStart")}
      if (lane < ${columns / 4}u) {
        let last = p.tokens - 1u;
        let at = queryStart + 4u * lane;
        let a = statistics[firstStatistic + min(at, last)];
        let b = statistics[firstStatistic + min(at + 1u, last)];
        let c = statistics[firstStatistic + min(at + 2u, last)];
        let d = statistics[firstStatistic + min(at + 3u, last)];
        columnNorms[lane] = vec4f(a.x, b.x, c.x, d.x);
        columnMeans[lane] = outScale * vec4f(a.y, b.y, c.y, d.y);
      }
      workgroupBarrier();
${announceBlock(`queryStart + ${columns}u`, "endQuery")}
      let isActive = lastQuery >= firstOfSubgroup && queryStart < lastOfSubgroup + reach();
      let isWhole = block.y == 1u && queryStart >= lastOfSubgroup && lastQuery < min(firstOfSubgroup + reach(), p.tokens);
      if (isActive) {
${scoreProducts(shape, [
  { left: "key", columns: "qTile", scores: "scores" },
  { left: "value", columns: "slopeTile", scores: "weightSlopes" },
])}
      }
      workgroupBarrier();
      @diagnostic(off, subgroup_uniformity) if (isActive) {
${list(vectors, (n) =>
  softcap
    ? `      let capped${n} = cappedScore(p.scale * bitcast<vec4f>(scores[ownScores + ${n}u]));
      var weights${n} = exp2(${LOG2_E} * capped${n} - columnNorms[part * ${vectors}u + ${n}u]);`
    : `      var weights${n} = exp2(scoreScale * bitcast<vec4f>(scores[ownScores + ${n}u]) - columnNorms[part * ${vectors}u + ${n}u]);`,
)}
        if (!isWhole) {
          let ownQueries = vec4u(queryStart + part * ${shape.laneColumns}u) + vec4u(0u, 1u, 2u, 3u);
${list(vectors, (n) => `          weights${n} = select(vec4f(), weights${n}, isSeen(ownRow, ownSegment, ownQueries + vec4u(${4 * n}u), columnSegments[part * ${vectors}u + ${n}u]));`)}
        }
${list(vectors, (n) => `      var slopes${n} = weights${n} * (bitcast<vec4f>(weightSlopes[ownScores + ${n}u]) - columnMeans[part * ${vectors}u + ${n}u])${softcap ? ` * slopeOfCap(capped${n})` : ""};`)}
${scaleSlopes(shape, multiplySums(shape, "sumsK", "drop"))}
${storeWeights(shape, "weights", "scores")}
${storeWeights(shape, "slopes", "weightSlopes")}
      }
      workgroupBarrier();
      if (isActive) {
${addWeighted(shape, [
  { sums: "sumsV", scores: "scores", values: "slopeTile" },
  { sums: "sumsK", scores: "weightSlopes", values: "qTile" },
])}
      }
    }
  }
  if (part == 0u) { rowFactor[firstRow + row] = p.scale / outScale / slopeScale; }
${storeSums(shape, "sumsK", "scores", "dk", "keyWidth", "keyHead", (row) => `rowFactor[${row}]`)}
${storeSums(shape, "sumsV", "scores", "dv", "keyWidth", "keyHead", () => "(1.0 / outScale)")}`,
  }));
}
