import type { BlockShape } from "./blockShape.ts";
import { laneDeclarations } from "./blockText.ts";
import type { ColumnTiles } from "./columnTiles.ts";
import { scoreProduct } from "./scoreExchange.ts";
import { keysOfQueries } from "./visibleColumns.ts";

/** WGSL function: which of four keys a query sees. */
export const isSeenByQuery = `
fn isSeen(query: u32, segment: i32, keys: vec4u, segmentsOfKeys: vec4i) -> vec4<bool> {
  return (keys <= vec4u(query)) & (vec4u(query) < keys + vec4u(reach())) & (segmentsOfKeys == vec4i(segment));
}`;

/** WGSL at the start of a kernel whose workgroup has a block of queries of one head: which ones, and which keys they look at. */
export function queryDeclarations(shape: BlockShape): string {
  return `
  let head = group.x;
  let sequence = group.y;
  let keyHead = head / (p.queryHeads / p.keyValueHeads);
  let queryWidth = p.queryHeads * ${shape.headDim}u;
  let keyWidth = p.keyValueHeads * ${shape.headDim}u;
  // Late queries see the most keys: they start first.
  let rowStart = (groups.z - 1u - group.z) * ${shape.rows}u;
${laneDeclarations(shape)}
${keysOfQueries(shape)}`;
}

/**
 * WGSL at the start of a round over blocks of keys: the next block is fetched, the staged one's scores are computed. `isActive`: whether
 * the subgroup sees any of these keys; `isWhole`: whether it sees them all.
 */
export function nextKeyBlock(shape: BlockShape, tiles: ColumnTiles): string {
  return `    workgroupBarrier();
    let lastColumn = columnStart + ${shape.columns - 1}u;
    let more = lastColumn + 1u < endColumn;
    if (more) {
${tiles.fetch("lastColumn + 1u")}
    }
    let isActive = columnStart <= lastOfSubgroup && firstOfSubgroup < lastColumn + reach();
    let isWhole = isOneSegment == 1u && lastColumn <= firstOfSubgroup && lastOfSubgroup < columnStart + reach();
    if (isActive) {
${scoreProduct(shape, "query", "kTile")}
    }
    workgroupBarrier();`;
}
