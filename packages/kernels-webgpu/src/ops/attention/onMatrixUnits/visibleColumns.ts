import { SUBGROUP_SIZE, type BlockShape } from "./blockShape.ts";

/** WGSL workgroup variable through which every lane learns where its workgroup's columns start or end. */
export const columnBoundVariable = "var<workgroup> columnBound: u32;";

/** WGSL: least and greatest segment of the workgroup's rows, in every subgroup. */
function segmentBounds(shape: BlockShape): string {
  return `
  var low = ownSegment;
  var high = ownSegment;
  for (var r = inSubgroup; r < ${shape.rows}u; r += ${SUBGROUP_SIZE}u) {
    let segment = segmentOf(sequence, rowStart + r);
    low = min(low, segment);
    high = max(high, segment);
  }
  low = subgroupMin(low);
  high = subgroupMax(high);`;
}

/**
 * WGSL: `firstColumn` and `endColumn` of the keys that rows of queries look at. Keys before the window and before the first key of
 * the rows' segments are left out, whole blocks at a time; what is still invisible within is masked.
 */
export function keysOfQueries(shape: BlockShape): string {
  return `${segmentBounds(shape)}
  var seenFrom = 0u;
  if (p.window != 0u && rowStart + 1u > p.window) { seenFrom = rowStart + 1u - p.window; }
  @diagnostic(off, subgroup_uniformity) for (var at = seenFrom; at < rowStart; at += ${SUBGROUP_SIZE}u) {
    let segment = segmentOf(sequence, at + inSubgroup);
    seenFrom = subgroupMin(select(rowStart, at + inSubgroup, segment >= low && segment <= high));
    if (seenFrom < rowStart) { break; }
  }
  if (lane == 0u) { columnBound = min(seenFrom, rowStart) / ${shape.columns}u * ${shape.columns}u; }
  let firstColumn = workgroupUniformLoad(&columnBound);
  let endColumn = min(rowStart + ${shape.rows}u, p.tokens);`;
}

/** WGSL: `firstColumn` and `endColumn` of the queries that look at rows of keys, likewise. */
export function queriesOfKeys(shape: BlockShape): string {
  return `${segmentBounds(shape)}
  var seenUntil = p.tokens;
  if (p.window != 0u) { seenUntil = min(seenUntil, rowStart + ${shape.rows - 1}u + p.window); }
  @diagnostic(off, subgroup_uniformity) for (var left = seenUntil; left > rowStart; left -= min(left, ${SUBGROUP_SIZE}u)) {
    let token = left - 1u - min(left - 1u, inSubgroup);
    let segment = segmentOf(sequence, token);
    seenUntil = subgroupMax(select(0u, token + 1u, segment >= low && segment <= high));
    if (seenUntil > 0u) { break; }
  }
  if (lane == 0u) { columnBound = max(seenUntil, rowStart + 1u); }
  let firstColumn = rowStart / ${shape.columns}u * ${shape.columns}u;
  let endColumn = workgroupUniformLoad(&columnBound);`;
}
