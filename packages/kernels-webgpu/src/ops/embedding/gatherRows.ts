import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { floatElement, rowBytes, rowsOf, type Operand } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";
import { emitFill } from "../elementwise/arithmetic.ts";

const COLUMNS = 64;

/** y[r] = x[index[r]], a row of zeros for a negative index. */
export const gatherRows: OpEmitter = (emitter, { inputs: [x, index], outputs: [y] }) => emitGatherRows(emitter, x!, index!, 0, y!);

/** y[index[r]] = x[r], zeros in all other rows. */
export const scatterRows: OpEmitter = (emitter, { inputs: [x, index], outputs: [y] }) => {
  emitFill(emitter, y!, 0);
  emitScatterRows(emitter, x!, index!, 0, y!);
};

/**
 * y[r] = x[index[firstIndex + r]] for the rows of y, four columns a thread where the width allows it; zeros where the index is
 * negative. A table that passes the binding limit is visited in row ranges, each filling the rows of y that it holds.
 */
export function emitGatherRows(emitter: Emitter, x: Operand, index: Operand, firstIndex: number, y: Operand): void {
  const width = y.shape[1]!;
  const piece = width % 4 === 0 ? 4 : 1;
  const [from, to] = [floatElement(x, piece), floatElement(y, piece)];
  const kernel = kernelVariant(`gatherRows|${from}|${to}`, () => ({
    label: "gatherRows",
    workgroupSize: [COLUMNS, 1],
    bindings: { x: `read ${from}`, index: "read i32", y: `read_write ${to}` },
    parameters: { count: "u32", pieces: "u32", firstIndex: "u32", firstRow: "i32", rows: "i32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.pieces) { return; }
  for (var r = group.y; r < p.count; r += groups.y) {
    let id = index[p.firstIndex + r];
    let row = id - p.firstRow;
    if (row >= 0 && row < p.rows) { y[r * p.pieces + c] = ${to}(x[u32(row) * p.pieces + c]); }
    if (id < 0 && p.firstRow == 0) { y[r * p.pieces + c] = ${to}(); }
  }`,
  }));
  const { limits } = emitter;
  for (const part of rowRanges("gatherRows", y.shape[0]!, [rowBytes(y)], limits.maxBindingBytes)) {
    for (const table of rowRanges("gatherRows", x.shape[0]!, [rowBytes(x)], limits.maxBindingBytes)) {
      emitter.dispatch(
        kernel,
        { x: rowsOf(x, table.start, table.count), index, y: rowsOf(y, part.start, part.count) },
        { count: part.count, pieces: width / piece, firstIndex: firstIndex + part.start, firstRow: table.start, rows: table.count },
        [Math.ceil(width / piece / COLUMNS), Math.min(part.count, limits.maxWorkgroupsPerDimension)],
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
  const piece = width % 4 === 0 ? 4 : 1;
  const [from, to] = [floatElement(x, piece), floatElement(y, piece)];
  const kernel = kernelVariant(`scatterRows|${from}|${to}`, () => ({
    label: "scatterRows",
    workgroupSize: [COLUMNS, 1],
    bindings: { x: `read ${from}`, index: "read i32", y: `read_write ${to}` },
    parameters: { count: "u32", pieces: "u32", firstIndex: "u32", firstRow: "i32", rows: "i32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.pieces) { return; }
  for (var r = group.y; r < p.count; r += groups.y) {
    let row = index[p.firstIndex + r] - p.firstRow;
    if (row >= 0 && row < p.rows) { y[u32(row) * p.pieces + c] = ${to}(x[r * p.pieces + c]); }
  }`,
  }));
  const { limits } = emitter;
  for (const table of rowRanges("scatterRows", y.shape[0]!, [rowBytes(y)], limits.maxBindingBytes)) {
    for (const part of rowRanges("scatterRows", x.shape[0]!, [rowBytes(x)], limits.maxBindingBytes)) {
      emitter.dispatch(
        kernel,
        { x: rowsOf(x, part.start, part.count), index, y: rowsOf(y, table.start, table.count) },
        { count: part.count, pieces: width / piece, firstIndex: firstIndex + part.start, firstRow: table.start, rows: table.count },
        [Math.ceil(width / piece / COLUMNS), Math.min(part.count, limits.maxWorkgroupsPerDimension)],
      );
    }
  }
}
