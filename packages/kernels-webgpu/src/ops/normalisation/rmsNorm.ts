import { elementCount } from "@sft/kernels";
import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant } from "../../kernel.ts";
import { rowRanges, type RowRange } from "../../rowRanges.ts";
import type { Operand, OperandRange } from "../../operand.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { emitColumnSum } from "../bias/columnSum.ts";

/** One workgroup a group of `width` elements: narrow for the norm of a head, wide for a hidden state. */
export function normThreads(width: number): number {
  return width <= 256 ? 64 : 256;
}

/** Ranges of normalised groups: each is `width` elements of x and one of every statistic. */
export function groupRanges(emitter: Emitter, op: string, x: Operand, width: number): readonly RowRange[] {
  return rowRanges(op, elementCount(x.shape) / width, [width * 4, 4], emitter.limits.maxBindingBytes);
}

/** The part of an operand that belongs to a range of groups, `width` elements each. */
export function groupsOf(operand: Operand, width: number, { start, count }: RowRange): OperandRange {
  return { operand, start: start * width, length: count * width };
}

/** y = x * rstd * (weight + weightOffset), rstd = 1 / sqrt(mean(x^2) + epsilon), one workgroup a group. */
export const rmsNorm: OpEmitter = (emitter, { inputs: [x, weight], outputs: [y, rstd], attributes }) => {
  const width = weight!.shape[0]!;
  const threads = normThreads(width);
  const kernel = kernelVariant(`rmsNorm|${threads}`, () => ({
    label: "rmsNorm",
    workgroupSize: [threads, 1],
    bindings: { x: "read f32", weight: "read f32", y: "read_write f32", rstd: "read_write f32" },
    parameters: { count: "u32", width: "u32", epsilon: "f32", weightOffset: "f32" },
    declarations: workgroupReduction(threads),
    body: `
  let row = ${linearGroup};
  if (row >= p.count) { return; }
  let base = row * p.width;
  var squares = 0.0;
  for (var c = lane; c < p.width; c += ${threads}u) { let value = x[base + c]; squares += value * value; }
  let scale = 1.0 / sqrt(workgroupSum(squares, lane) / f32(p.width) + p.epsilon);
  for (var c = lane; c < p.width; c += ${threads}u) { y[base + c] = x[base + c] * scale * (weight[c] + p.weightOffset); }
  if (lane == 0u) { rstd[row] = scale; }`,
  }));
  for (const range of groupRanges(emitter, "rmsNorm", x!, width)) {
    emitter.dispatch(
      kernel,
      { x: groupsOf(x!, width, range), weight: weight!, y: groupsOf(y!, width, range), rstd: groupsOf(rstd!, 1, range) },
      { count: range.count, width, epsilon: attributes["epsilon"] as number, weightOffset: attributes["weightOffset"] as number },
      linearGrid(range.count, emitter.limits),
    );
  }
};

/** dx = rstd * (g - x * rstd^2 * mean(g * x)), g = dy * (weight + weightOffset). */
export const rmsNormGrad: OpEmitter = (emitter, { inputs: [dy, x, weight, rstd], outputs: [dx], attributes }) => {
  const width = weight!.shape[0]!;
  const threads = normThreads(width);
  const kernel = kernelVariant(`rmsNormGrad|${threads}`, () => ({
    label: "rmsNormGrad",
    workgroupSize: [threads, 1],
    bindings: { dy: "read f32", x: "read f32", weight: "read f32", rstd: "read f32", dx: "read_write f32" },
    parameters: { count: "u32", width: "u32", weightOffset: "f32" },
    declarations: workgroupReduction(threads),
    body: `
  let row = ${linearGroup};
  if (row >= p.count) { return; }
  let base = row * p.width;
  var products = 0.0;
  for (var c = lane; c < p.width; c += ${threads}u) { products += dy[base + c] * (weight[c] + p.weightOffset) * x[base + c]; }
  let scale = rstd[row];
  let slope = scale * scale * workgroupSum(products, lane) / f32(p.width);
  for (var c = lane; c < p.width; c += ${threads}u) {
    dx[base + c] = scale * (dy[base + c] * (weight[c] + p.weightOffset) - x[base + c] * slope);
  }`,
  }));
  for (const range of groupRanges(emitter, "rmsNormGrad", x!, width)) {
    emitter.dispatch(
      kernel,
      { dy: groupsOf(dy!, width, range), x: groupsOf(x!, width, range), weight: weight!, rstd: groupsOf(rstd!, 1, range), dx: groupsOf(dx!, width, range) },
      { count: range.count, width, weightOffset: attributes["weightOffset"] as number },
      linearGrid(range.count, emitter.limits),
    );
  }
};

/** dWeight = sum over groups of dy * x * rstd, plus the optional addend. */
export const rmsNormWeightGrad: OpEmitter = (emitter, { inputs: [dy, x, rstd, addend], outputs: [dWeight], attributes }) => {
  const width = attributes["width"] as number;
  emitColumnSum(
    emitter,
    { label: "rmsNormWeightGrad", inputs: ["dy", "x", "rstd"], terms: ["dy[r * p.width + c] * x[r * p.width + c] * rstd[r]"] },
    { dy: dy!, x: x!, rstd: rstd! },
    elementCount(x!.shape) / width,
    width,
    [dWeight!],
    [addend],
  );
};
