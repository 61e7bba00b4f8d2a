import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { rowBytes, rowsOf, type Operand } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";

const COLUMNS = 64;

/** y[r] = x[index[r]], a row of zeros for a negative index. */
export const gatherRows: OpEmitter = (emitter, { inputs: [x, index], outputs: [y] }) => emitGatherRows(emitter, x!, index!, 0, y!);

/**
 * y[r] = x[index[firstIndex + r]] for the rows of y; zeros where the index is negative. A table that passes the binding limit is
 * visited in row ranges, each filling the rows of y that it holds.
 */
export function emitGatherRows(emitter: Emitter, x: Operand, index: Operand, firstIndex: number, y: Operand): void {
  const width = y.shape[1]!;
  const element = x.dtype === "f16" ? "f16" : "f32";
  const kernel = kernelVariant(`gatherRows|${element}`, () => ({
    label: "gatherRows",
    workgroupSize: [COLUMNS, 1],
    bindings: { x: `read ${element}`, index: "read i32", y: "read_write f32" },
    parameters: { count: "u32", width: "u32", firstIndex: "u32", firstRow: "i32", rows: "i32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.width) { return; }
  for (var r = group.y; r < p.count; r += groups.y) {
    let id = index[p.firstIndex + r];
    let row = id - p.firstRow;
    if (row >= 0 && row < p.rows) { y[r * p.width + c] = f32(x[u32(row) * p.width + c]); }
    if (id < 0 && p.firstRow == 0) { y[r * p.width + c] = 0.0; }
  }`,
  }));
  const { limits } = emitter;
  for (const part of rowRanges("gatherRows", y.shape[0]!, [rowBytes(y)], limits.maxBindingBytes)) {
    for (const table of rowRanges("gatherRows", x.shape[0]!, [rowBytes(x)], limits.maxBindingBytes)) {
      emitter.dispatch(
        kernel,
        { x: rowsOf(x, table.start, table.count), index, y: rowsOf(y, part.start, part.count) },
        { count: part.count, width, firstIndex: firstIndex + part.start, firstRow: table.start, rows: table.count },
        [Math.ceil(width / COLUMNS), Math.min(part.count, limits.maxWorkgroupsPerDimension)],
      );
    }
  }
}

/**
 * y[index[firstIndex + r]] = x[r] for the rows of x, nothing where the index is negative. Indices are distinct, so no two
 * workgroups write one row.
 */
export function emitScatterRows(emitter: Emitter, x: Operand, index: Operand, firstIndex: number, y: Operand): void {
  const width = x.shape[1]!;
  const kernel = kernelVariant("scatterRows", () => ({
    label: "scatterRows",
    workgroupSize: [COLUMNS, 1],
    bindings: { x: "read f32", index: "read i32", y: "read_write f32" },
    parameters: { count: "u32", width: "u32", firstIndex: "u32", firstRow: "i32", rows: "i32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.width) { return; }
  for (var r = group.y; r < p.count; r += groups.y) {
    let row = index[p.firstIndex + r] - p.firstRow;
    if (row >= 0 && row < p.rows) { y[u32(row) * p.width + c] = x[r * p.width + c]; }
  }`,
  }));
  const { limits } = emitter;
  for (const table of rowRanges("scatterRows", y.shape[0]!, [rowBytes(y)], limits.maxBindingBytes)) {
    emitter.dispatch(
      kernel,
      { x, index, y: rowsOf(y, table.start, table.count) },
      { count: x.shape[0]!, width, firstIndex, firstRow: table.start, rows: table.count },
      [Math.ceil(width / COLUMNS), Math.min(x.shape[0]!, limits.maxWorkgroupsPerDimension)],
    );
  }
}
