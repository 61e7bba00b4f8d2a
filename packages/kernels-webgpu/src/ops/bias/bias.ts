import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { rowBytes, rowsOf } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";
import { emitColumnSum } from "./columnSum.ts";

const COLUMNS = 64;

/** y[M] = sum over rows of x[N,M], plus the optional addend. */
export const columnSum: OpEmitter = (emitter, { inputs: [x, addend], outputs: [y] }) => {
  emitColumnSum(
    emitter,
    { label: "columnSum", inputs: ["x"], terms: ["x[r * p.width + c]"] },
    { x: x! },
    x!.shape[0]!,
    x!.shape[1]!,
    [y!],
    [addend],
  );
};

/** y[N,M] = x[N,M] + bias[M]. */
export const addBias: OpEmitter = (emitter, { inputs: [x, bias], outputs: [y] }) => {
  const width = x!.shape[1]!;
  const kernel = kernelVariant("addBias", () => ({
    label: "addBias",
    workgroupSize: [COLUMNS, 1],
    bindings: { x: "read f32", bias: "read f32", y: "read_write f32" },
    parameters: { width: "u32", rows: "u32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.width) { return; }
  for (var r = group.y; r < p.rows; r += groups.y) { y[r * p.width + c] = x[r * p.width + c] + bias[c]; }`,
  }));
  for (const { start, count } of rowRanges("addBias", x!.shape[0]!, [rowBytes(x!)], emitter.limits.maxBindingBytes)) {
    emitter.dispatch(kernel, { x: rowsOf(x!, start, count), bias: bias!, y: rowsOf(y!, start, count) }, { width, rows: count }, [
      Math.ceil(width / COLUMNS),
      Math.min(count, emitter.limits.maxWorkgroupsPerDimension),
    ]);
  }
};
