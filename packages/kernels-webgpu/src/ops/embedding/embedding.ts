import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { rowBytes, rowsOf } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";
import { emitGatherRows } from "./gatherRows.ts";
import { emitCopy, emitFill } from "../elementwise/arithmetic.ts";

const COLUMNS = 64;

/** y[n] = weight[ids[n]]. */
export const embedding: OpEmitter = (emitter, { inputs: [weight, ids], outputs: [y] }) => emitGatherRows(emitter, weight!, ids!, 0, y!);

/**
 * dWeight[v] = addend[v] + the dy[n] with ids[n] = v, in ascending n. `order` sorts positions by id, so the workgroups of the
 * first position of each run of equal ids walk that run, and no two write one row. Ranges of dy are taken in ascending n.
 */
export const embeddingGrad: OpEmitter = (emitter, { inputs: [dy, ids, order, addend], outputs: [dWeight] }) => {
  if (addend) emitCopy(emitter, addend, dWeight!);
  else emitFill(emitter, dWeight!, 0);
  const width = dy!.shape[1]!;
  const positions = dy!.shape[0]!;
  const kernel = kernelVariant("embeddingGrad", () => ({
    label: "embeddingGrad",
    workgroupSize: [COLUMNS, 1],
    bindings: { dy: "read f32", ids: "read i32", order: "read i32", dWeight: "read_write f32" },
    parameters: { positions: "u32", width: "u32", firstRow: "i32", rows: "i32", firstPosition: "i32", rangePositions: "i32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.width) { return; }
  for (var start = group.y; start < p.positions; start += groups.y) {
    let id = ids[order[start]];
    let row = id - p.firstRow;
    if (row < 0 || row >= p.rows) { continue; }
    if (start > 0u && ids[order[start - 1u]] == id) { continue; }
    let slot = u32(row) * p.width + c;
    var total = dWeight[slot];
    for (var j = start; j < p.positions; j++) {
      let n = order[j];
      if (ids[n] != id) { break; }
      let position = n - p.firstPosition;
      if (position >= 0 && position < p.rangePositions) { total += dy[u32(position) * p.width + c]; }
    }
    dWeight[slot] = total;
  }`,
  }));
  const { limits } = emitter;
  for (const table of rowRanges("embeddingGrad", dWeight!.shape[0]!, [rowBytes(dWeight!)], limits.maxBindingBytes)) {
    for (const range of rowRanges("embeddingGrad", positions, [rowBytes(dy!)], limits.maxBindingBytes)) {
      emitter.dispatch(
        kernel,
        { dy: rowsOf(dy!, range.start, range.count), ids: ids!, order: order!, dWeight: rowsOf(dWeight!, table.start, table.count) },
        { positions, width, firstRow: table.start, rows: table.count, firstPosition: range.start, rangePositions: range.count },
        [Math.ceil(width / COLUMNS), Math.min(positions, limits.maxWorkgroupsPerDimension)],
      );
    }
  }
};
