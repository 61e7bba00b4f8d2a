import type { OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant } from "../../kernel.ts";
import { rowBytes, rowsOf } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { emitColumnSum } from "../bias/columnSum.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { emitElementwise } from "../elementwise/elementwiseKernel.ts";
import { clipFunction } from "./updates.ts";

const THREADS = 256;

/** Means of squares by row and by column, then each element over the root of their product; no atomics. */
export const factoredDirection: OpEmitter = (
  emitter,
  { inputs: [gradient, row, column, schedule, gate], outputs: [direction, newRow, newColumn], attributes },
) => {
  const { epsilon, maxGradNorm } = attributes as Readonly<Record<string, number>>;
  const [rows, columns] = gradient!.shape as [number, number];
  const settings = { epsilon: epsilon!, maxGradNorm: maxGradNorm! };
  emitCopy(emitter, row!, newRow!);
  emitCopy(emitter, column!, newColumn!);

  const rowMeans = kernelVariant("factoredDirection|rows", () => ({
    label: "factoredDirection, rows",
    workgroupSize: [THREADS, 1],
    bindings: { gradient: "read f32", schedule: "read f32", gate: "read f32", row: "read_write f32" },
    parameters: { first: "u32", count: "u32", columns: "u32", epsilon: "f32", maxGradNorm: "f32" },
    declarations: workgroupReduction(THREADS) + clipFunction,
    body: `
  let r = ${linearGroup};
  if (r >= p.count || gate[1] == 0.0) { return; }
  var squares = 0.0;
  for (var c = lane; c < p.columns; c += ${THREADS}u) { squares += gradient[r * p.columns + c] * gradient[r * p.columns + c]; }
  let sum = workgroupSum(squares, lane);
  let clip = clipOf(gate[0], gate[2]);
  let beta = schedule[1];
  if (lane == 0u) { row[p.first + r] = beta * row[p.first + r] + (1.0 - beta) * (clip * clip * sum / f32(p.columns) + p.epsilon); }`,
  }));
  for (const { start, count } of rowRanges("factoredDirection", rows, [rowBytes(gradient!)], emitter.limits.maxBindingBytes)) {
    emitter.dispatch(
      rowMeans,
      { gradient: rowsOf(gradient!, start, count), schedule: schedule!, gate: gate!, row: newRow! },
      { first: start, count, columns, ...settings },
      linearGrid(count, emitter.limits),
    );
  }

  const columnSums = emitter.scratch({ shape: [columns], dtype: "f32" });
  const term = "gradient[r * p.width + c] * gradient[r * p.width + c]";
  emitColumnSum(emitter, { label: "factoredDirection", inputs: ["gradient"], terms: [term] }, { gradient: gradient! }, rows, columns, [
    columnSums,
  ]);
  emitElementwise(
    emitter,
    {
      label: "factoredDirection, columns",
      inputs: ["sums"],
      outputs: ["column"],
      shared: { schedule: "read f32", gate: "read f32" },
      parameters: { rows: "f32", epsilon: "f32", maxGradNorm: "f32" },
      declarations: clipFunction,
      body: `
  if (gate[1] == 0.0) { return; }
  let clip = clipOf(gate[0], gate[2]);
  let beta = schedule[1];
  column[i] = beta * column[i] + (1.0 - beta) * (clip * clip / p.rows * sums[i] + T(p.epsilon));`,
    },
    { sums: columnSums, column: newColumn!, schedule: schedule!, gate: gate! },
    { rows, ...settings },
  );

  const mean = emitter.scratch({ shape: [1], dtype: "f32" });
  const meanOfRows = kernelVariant("factoredDirection|mean", () => ({
    label: "factoredDirection, mean",
    workgroupSize: [THREADS, 1],
    bindings: { row: "read f32", mean: "read_write f32" },
    parameters: { rows: "u32" },
    declarations: workgroupReduction(THREADS),
    body: `
  var sum = 0.0;
  for (var r = lane; r < p.rows; r += ${THREADS}u) { sum += row[r]; }
  let total = workgroupSum(sum, lane);
  if (lane == 0u) { mean[0] = total / f32(p.rows); }`,
  }));
  emitter.dispatch(meanOfRows, { row: newRow!, mean }, { rows }, [1]);

  emitElementwise(
    emitter,
    {
      label: "factoredDirection",
      inputs: ["gradient"],
      outputs: ["direction"],
      shared: { row: "read f32", column: "read f32", mean: "read f32", gate: "read f32" },
      parameters: { columns: "u32", maxGradNorm: "f32" },
      declarations: clipFunction,
      scalar: true,
      body: `
  if (gate[1] == 0.0) {
    direction[i] = 0.0;
    return;
  }
  let at = p.first + i;
  direction[i] = gradient[i] * clipOf(gate[0], gate[2]) * sqrt(mean[0] / row[at / p.columns]) / sqrt(column[at % p.columns]);`,
    },
    { gradient: gradient!, direction: direction!, row: newRow!, column: newColumn!, mean, gate: gate! },
    { columns, maxGradNorm: maxGradNorm! },
  );
};

/** The second moment of each element, and the gradient over its root. */
export const elementDirection: OpEmitter = (emitter, { inputs: [gradient, v, schedule, gate], outputs: [direction, newV], attributes }) => {
  emitCopy(emitter, v!, newV!);
  emitElementwise(
    emitter,
    {
      label: "elementDirection",
      inputs: ["gradient"],
      outputs: ["direction", "v"],
      shared: { schedule: "read f32", gate: "read f32" },
      parameters: { epsilon: "f32", maxGradNorm: "f32" },
      declarations: clipFunction,
      body: `
  if (gate[1] == 0.0) {
    direction[i] = T(0.0);
    return;
  }
  let g = gradient[i] * clipOf(gate[0], gate[2]);
  let beta = schedule[1];
  let moved = beta * v[i] + (1.0 - beta) * (g * g + T(p.epsilon));
  direction[i] = g / sqrt(moved);
  v[i] = moved;`,
    },
    { gradient: gradient!, direction: direction!, v: newV!, schedule: schedule!, gate: gate! },
    { epsilon: attributes["epsilon"] as number, maxGradNorm: attributes["maxGradNorm"] as number },
  );
};
