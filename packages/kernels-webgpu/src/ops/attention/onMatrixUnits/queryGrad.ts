import { kernelVariant, type Kernel } from "../../../kernel.ts";
import { attentionParameters } from "../headTile.ts";
import type { BlockShape } from "./blockShape.ts";
import { EXTENSIONS, halfKey, list, LOG2_E, operandBindings, sharedDeclarations, type HalfOperands } from "./blockText.ts";
import { columnTiles } from "./columnTiles.ts";
import { gradientScaleFunctions, scaleSlopes, slopeScaleVariable } from "./gradientScale.ts";
import { keepLeft, keepRows, multiplySums, readRows, storeSums, sumVariables } from "./ownRows.ts";
import { ownStatistics, statisticsFunctions } from "./ownStatistics.ts";
import { isSeenByQuery, nextKeyBlock, queryDeclarations } from "./queryBlocks.ts";
import { addWeighted, laneScores, maskUnseen, scoreProduct, storeWeights } from "./scoreExchange.ts";
import { columnBoundVariable } from "./visibleColumns.ts";

/**
 * dq[i] = scale * sum over keys of ds[i, j] k[j], a workgroup a block of queries of one head, and the statistics of these queries.
 * Each row of a float32 dOut is staged with its own power of two, the slopes ds with one of the subgroup.
 */
export function queryGradKernel(shape: BlockShape, half: HalfOperands<"dOut" | "q" | "k" | "v" | "out" | "dq">, softcap: boolean): Kernel {
  const { headDim, rows, columns, subgroupRows, subgroups, threads, scorePitch, laneVectors } = shape;
  const ofQueries = { width: "queryWidth", head: "head" };
  const ofKeys = { width: "keyWidth", head: "keyHead" };
  const tiles = columnTiles(shape, [
    { operand: "k", half: half.k, tile: "kTile", ...ofKeys },
    { operand: "v", half: half.v, tile: "vTile", ...ofKeys },
  ]);
  return kernelVariant(
    `attentionGrad|matrixUnits|query|${headDim}|${subgroupRows}x${subgroups}x${columns}|${halfKey(half)}|${softcap}`,
    () => ({
      label: `attentionGrad ${headDim} on matrix units, queries`,
      workgroupSize: [threads, 1],
      enable: EXTENSIONS,
      bindings: {
        ...operandBindings("read", half, ["dOut", "q", "k", "v", "out"]),
        segments: "read i32",
        logSumExp: "read f32",
        ...operandBindings("read_write", half, ["dq"]),
        statistics: "read_write vec4f",
      },
      parameters: attentionParameters,
      declarations: `
var<workgroup> scores: array<vec4u, ${rows * scorePitch}>;
var<workgroup> rowFactor: array<f32, ${rows}>;
${columnBoundVariable}
${tiles.variables}
${sharedDeclarations(softcap)}
${gradientScaleFunctions}${statisticsFunctions}${isSeenByQuery}`,
      body: `${queryDeclarations(shape)}
${keepLeft(shape, "query", { operand: "q", half: half.q, ...ofQueries })}
${readRows(shape, "slope", { operand: "dOut", half: half.dOut, ...ofQueries })}
${readRows(shape, "result", { operand: "out", half: half.out, ...ofQueries })}
${ownStatistics(shape, half)}
${keepRows(shape, "slope", half.dOut, (i) => `scaleOf(largest${i})`)}
  let ownScale = ${half.dOut ? "1.0" : "scaleOf(ownLargest)"};
  let ownMean = ownScale * ownTotal;
${sumVariables(shape, "sums")}
${tiles.registers}
${slopeScaleVariable}
  let scoreScale = p.scale * ${LOG2_E};
  var columnStart = firstColumn;
${tiles.fetch("columnStart")}
${tiles.write}
  loop {
${nextKeyBlock(shape, tiles)}
${list(laneVectors, (n) => `    var weights${n} = vec4f();`)}
    if (isActive) {
${list(laneVectors, (n) =>
  softcap
    ? `      let capped${n} = cappedScore(p.scale * ${laneScores(shape, n)});
      weights${n} = exp2(${LOG2_E} * capped${n} - ownNorm) * slopeOfCap(capped${n});`
    : `      weights${n} = exp2(scoreScale * ${laneScores(shape, n)} - ownNorm);`,
)}
      if (!isWhole) {
${maskUnseen(shape, "weights", "vec4f()")}
      }
    }
    workgroupBarrier();
    if (isActive) {
${scoreProduct(shape, "slope", "vTile")}
    }
    workgroupBarrier();
    @diagnostic(off, subgroup_uniformity) if (isActive) {
${list(laneVectors, (n) => `      var slopes${n} = weights${n} * (${laneScores(shape, n)} - ownMean);`)}
${scaleSlopes(shape, multiplySums(shape, "sums", "drop"))}
${storeWeights(shape, "slopes")}
    }
    workgroupBarrier();
    if (isActive) {
${addWeighted(shape, "sums", 0, "kTile")}
    }
    if (!more) { break; }
    columnStart += ${columns}u;
    workgroupBarrier();
${tiles.write}
  }
  if (part == 0u) { rowFactor[firstRow + row] = p.scale / ownScale / slopeScale; }
${storeSums(shape, "sums", { operand: "dq", half: half.dq, ...ofQueries }, (row) => `rowFactor[${row}]`)}`,
    }),
  );
}
