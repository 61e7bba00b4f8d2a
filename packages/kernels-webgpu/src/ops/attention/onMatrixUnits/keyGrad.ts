import { kernelVariant, type Kernel } from "../../../kernel.ts";
import { attentionParameters } from "../headTile.ts";
import type { BlockShape } from "./blockShape.ts";
import {
  EXTENSIONS,
  halfKey,
  laneDeclarations,
  list,
  LOG2_E,
  operandBindings,
  sharedDeclarations,
  type HalfOperands,
} from "./blockText.ts";
import { columnTiles } from "./columnTiles.ts";
import { gradientScaleFunctions, scaleSlopes, slopeScaleVariable } from "./gradientScale.ts";
import { keepLeft, multiplySums, storeSums, sumVariables } from "./ownRows.ts";
import { addWeighted, laneScores, maskUnseen, scoreProduct, storeWeights, vectorSlot } from "./scoreExchange.ts";
import { columnBoundVariable, queriesOfKeys } from "./visibleColumns.ts";

/**
 * dv[j] = sum over queries of weight[i, j] dOut[i] and dk[j] = scale * sum of ds[i, j] q[i], a workgroup a block of keys of one
 * key head, the query heads that read it one after the other. A float32 dOut is staged with one power of two, which drops when a
 * block of queries with larger gradients comes; the sums are scaled down with it.
 */
export function keyGradKernel(shape: BlockShape, half: HalfOperands<"dOut" | "q" | "k" | "v" | "dk" | "dv">, softcap: boolean): Kernel {
  const { headDim, rows, columns, subgroupRows, subgroups, threads, scorePitch, laneVectors } = shape;
  const ofQueries = { width: "queryWidth", head: "head" };
  const ofKeys = { width: "keyWidth", head: "keyHead" };
  const tiles = columnTiles(shape, [
    { operand: "q", half: half.q, tile: "qTile", ...ofQueries },
    { operand: "dOut", half: half.dOut, tile: "slopeTile", ...ofQueries, factor: "outScale" },
  ]);
  const fetch = (start: string): string => `${tiles.fetch(start)}
    nextStatistic = statistics[firstStatistic + min(${start} + lane % ${columns}u, p.tokens - 1u)];`;
  const write = `${
    half.dOut
      ? ""
      : `
    @diagnostic(off, subgroup_uniformity) {
      let newScale = min(outScale, scaleOf(subgroupMax(nextStatistic.z)));
      if (newScale != outScale) {
        let drop = newScale / outScale;
        outScale = newScale;
${multiplySums(shape, "sumsK", "drop")}
${multiplySums(shape, "sumsV", "drop")}
      }
    }`
  }
${tiles.write}
    if (lane < ${columns}u) {
      columnNorms[lane / 4u][lane % 4u] = nextStatistic.x;
      columnMeans[lane / 4u][lane % 4u] = outScale * nextStatistic.y;
    }`;
  return kernelVariant(
    `attentionGrad|matrixUnits|key|${headDim}|${subgroupRows}x${subgroups}x${columns}|${halfKey(half)}|${softcap}`,
    () => ({
      label: `attentionGrad ${headDim} on matrix units, keys`,
      workgroupSize: [threads, 1],
      enable: EXTENSIONS,
      bindings: {
        ...operandBindings("read", half, ["dOut", "q", "k", "v"]),
        segments: "read i32",
        statistics: "read vec4f",
        ...operandBindings("read_write", half, ["dk", "dv"]),
      },
      parameters: attentionParameters,
      declarations: `
var<workgroup> scores: array<vec4u, ${rows * scorePitch}>;
var<workgroup> rowFactor: array<f32, ${rows}>;
/** logSumExp and scaled mean slope of the staged queries. */
var<workgroup> columnNorms: array<vec4f, ${columns / 4}>;
var<workgroup> columnMeans: array<vec4f, ${columns / 4}>;
${columnBoundVariable}
${tiles.variables}
${sharedDeclarations(softcap)}
${gradientScaleFunctions}
fn isSeen(key: u32, segment: i32, queries: vec4u, segmentsOfQueries: vec4i) -> vec4<bool> {
  return (queries >= vec4u(key)) & (queries < vec4u(min(key + reach(), p.tokens))) & (segmentsOfQueries == vec4i(segment));
}`,
      body: `
  let keyHead = group.x;
  let sequence = group.y;
  let headsPerKeyHead = p.queryHeads / p.keyValueHeads;
  let queryWidth = p.queryHeads * ${headDim}u;
  let keyWidth = p.keyValueHeads * ${headDim}u;
  // Early keys are seen by the most queries, and groups start in this order.
  let rowStart = group.z * ${rows}u;
${laneDeclarations(shape)}
${queriesOfKeys(shape)}
${keepLeft(shape, "key", { operand: "k", half: half.k, ...ofKeys })}
${keepLeft(shape, "value", { operand: "v", half: half.v, ...ofKeys })}
${sumVariables(shape, "sumsK")}
${sumVariables(shape, "sumsV")}
${tiles.registers}
  var nextStatistic = vec4f();
${slopeScaleVariable}
  ${half.dOut ? "let outScale = 1.0;" : "var outScale = scaleOf(0.0);"}
  let scoreScale = p.scale * ${LOG2_E};
  for (var head = keyHead * headsPerKeyHead; head < (keyHead + 1u) * headsPerKeyHead; head++) {
    let firstStatistic = (sequence * p.queryHeads + head) * p.tokens;
    var columnStart = firstColumn;
${fetch("columnStart")}
    loop {
      workgroupBarrier();
${write}
      workgroupBarrier();
      let lastColumn = columnStart + ${columns - 1}u;
      let more = lastColumn + 1u < endColumn;
      if (more) {
${fetch("lastColumn + 1u")}
      }
      let isActive = lastColumn >= firstOfSubgroup && columnStart < lastOfSubgroup + reach();
      let isWhole = isOneSegment == 1u && columnStart >= lastOfSubgroup && lastColumn < min(firstOfSubgroup + reach(), p.tokens);
      if (isActive) {
${scoreProduct(shape, "key", "qTile")}
      }
      workgroupBarrier();
${list(laneVectors, (n) => `      var weights${n} = vec4f();${softcap ? `\n      var capSlopes${n} = vec4f();` : ""}`)}
      if (isActive) {
${list(laneVectors, (n) =>
  softcap
    ? `        let capped${n} = cappedScore(p.scale * ${laneScores(shape, n)});
        capSlopes${n} = slopeOfCap(capped${n});
        weights${n} = exp2(${LOG2_E} * capped${n} - columnNorms[${vectorSlot(shape, n)}]);`
    : `        weights${n} = exp2(scoreScale * ${laneScores(shape, n)} - columnNorms[${vectorSlot(shape, n)}]);`,
)}
        if (!isWhole) {
${maskUnseen(shape, "weights", "vec4f()")}
        }
      }
      workgroupBarrier();
      if (isActive) {
${scoreProduct(shape, "value", "slopeTile")}
      }
      workgroupBarrier();
      @diagnostic(off, subgroup_uniformity) if (isActive) {
${list(laneVectors, (n) => `        var slopes${n} = weights${n} * (${laneScores(shape, n)} - columnMeans[${vectorSlot(shape, n)}])${softcap ? ` * capSlopes${n}` : ""};`)}
${scaleSlopes(shape, multiplySums(shape, "sumsK", "drop"))}
${storeWeights(shape, "weights", 0)}
${storeWeights(shape, "slopes", 1)}
      }
      workgroupBarrier();
      if (isActive) {
${addWeighted(shape, "sumsV", 0, "slopeTile")}
${addWeighted(shape, "sumsK", 1, "qTile")}
      }
      if (!more) { break; }
      columnStart += ${columns}u;
    }
  }
  if (part == 0u) { rowFactor[firstRow + row] = p.scale / outScale / slopeScale; }
${storeSums(shape, "sumsK", { operand: "dk", half: half.dk, ...ofKeys }, (row) => `rowFactor[${row}]`)}
${storeSums(shape, "sumsV", { operand: "dv", half: half.dv, ...ofKeys }, () => "(1.0 / outScale)")}`,
    }),
  );
}
