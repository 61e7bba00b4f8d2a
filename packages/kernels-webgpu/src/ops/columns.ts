import type { OpCall, OpEmitter } from "../dispatch.ts";
import { linearGrid, linearGroup } from "../grid.ts";
import { kernelVariant } from "../kernel.ts";
import { floatElement, rowBytes, rowsOf } from "../operand.ts";
import { rowRanges } from "../rowRanges.ts";
import { workgroupReduction } from "../wgsl/reduction.ts";

const THREADS = 64;

/** y[r] = sqrt of the sum of x[r]^2, one workgroup a row. */
export const rowNorm: OpEmitter = (emitter, { inputs: [x], outputs: [y] }) => {
  const kernel = kernelVariant("rowNorm", () => ({
    label: "rowNorm",
    workgroupSize: [THREADS, 1],
    bindings: { x: "read f32", y: "read_write f32" },
    parameters: { count: "u32", width: "u32" },
    declarations: workgroupReduction(THREADS),
    body: `
  let row = ${linearGroup};
  if (row >= p.count) { return; }
  var squares = 0.0;
  for (var c = lane; c < p.width; c += ${THREADS}u) { let value = x[row * p.width + c]; squares += value * value; }
  let total = workgroupSum(squares, lane);
  if (lane == 0u) { y[row] = sqrt(total); }`,
  }));
  for (const { start, count } of rowRanges("rowNorm", x!.shape[0]!, [rowBytes(x!), 4], emitter.limits.maxBindingBytes)) {
    emitter.dispatch(
      kernel,
      { x: rowsOf(x!, start, count), y: rowsOf(y!, start, count) },
      { count, width: x!.shape[1]! },
      linearGrid(count, emitter.limits),
    );
  }
};

/** y[r, c] = x[r, c] * factors[c]. */
export const scaleColumns: OpEmitter = (emitter, { inputs: [x, factors], outputs: [y] }) => {
  const width = x!.shape[1]!;
  const [from, to] = [floatElement(x!, 1), floatElement(y!, 1)];
  const kernel = kernelVariant(`scaleColumns|${from}|${to}`, () => ({
    label: "scaleColumns",
    workgroupSize: [THREADS, 1],
    bindings: { x: `read ${from}`, factors: "read f32", y: `read_write ${to}` },
    parameters: { width: "u32", rows: "u32" },
    body: `
  let c = group.x * ${THREADS}u + lane;
  if (c >= p.width) { return; }
  for (var r = group.y; r < p.rows; r += groups.y) { y[r * p.width + c] = ${to}(f32(x[r * p.width + c]) * factors[c]); }`,
  }));
  for (const { start, count } of rowRanges("scaleColumns", x!.shape[0]!, [rowBytes(x!), rowBytes(y!)], emitter.limits.maxBindingBytes)) {
    emitter.dispatch(kernel, { x: rowsOf(x!, start, count), factors: factors!, y: rowsOf(y!, start, count) }, { width, rows: count }, [
      Math.ceil(width / THREADS),
      Math.min(count, emitter.limits.maxWorkgroupsPerDimension),
    ]);
  }
};

/** y = columns start .. start + width - 1 of x. */
export const sliceColumns: OpEmitter = (emitter, call) => moveColumns(emitter, call, call.attributes["start"] as number);

/** y holds x from column `start` on and 0 elsewhere. */
export const padColumns: OpEmitter = (emitter, call) => moveColumns(emitter, call, -(call.attributes["start"] as number));

/** y[r, c] = x[r, c + shift] where x has such a column, else 0. */
function moveColumns(emitter: Parameters<OpEmitter>[0], { op, inputs: [x], outputs: [y] }: OpCall, shift: number): void {
  const [from, to] = [floatElement(x!, 1), floatElement(y!, 1)];
  const kernel = kernelVariant(`moveColumns|${from}|${to}`, () => ({
    label: "moveColumns",
    workgroupSize: [THREADS, 1],
    bindings: { x: `read ${from}`, y: `read_write ${to}` },
    parameters: { rows: "u32", fromWidth: "i32", toWidth: "u32", shift: "i32" },
    body: `
  let c = group.x * ${THREADS}u + lane;
  if (c >= p.toWidth) { return; }
  let origin = i32(c) + p.shift;
  let inside = origin >= 0 && origin < p.fromWidth;
  for (var r = group.y; r < p.rows; r += groups.y) {
    var value = 0.0;
    if (inside) { value = f32(x[r * u32(p.fromWidth) + u32(origin)]); }
    y[r * p.toWidth + c] = ${to}(value);
  }`,
  }));
  const toWidth = y!.shape[1]!;
  for (const { start, count } of rowRanges(op, x!.shape[0]!, [rowBytes(x!), rowBytes(y!)], emitter.limits.maxBindingBytes)) {
    emitter.dispatch(
      kernel,
      { x: rowsOf(x!, start, count), y: rowsOf(y!, start, count) },
      { rows: count, fromWidth: x!.shape[1]!, toWidth, shift },
      [Math.ceil(toWidth / THREADS), Math.min(count, emitter.limits.maxWorkgroupsPerDimension)],
    );
  }
}
