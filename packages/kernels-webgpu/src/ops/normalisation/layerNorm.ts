import { elementCount } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant } from "../../kernel.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { emitColumnSum } from "../bias/columnSum.ts";
import { groupRanges, groupsOf, normThreads } from "./rmsNorm.ts";

/** y = (x - mean) * rstd * weight + bias; the variance is summed from the differences, in a second pass over the group. */
export const layerNorm: OpEmitter = (emitter, { inputs: [x, weight, bias], outputs: [y, mean, rstd], attributes }) => {
  const width = weight!.shape[0]!;
  const threads = normThreads(width);
  const kernel = kernelVariant(`layerNorm|${threads}`, () => ({
    label: "layerNorm",
    workgroupSize: [threads, 1],
    bindings: { x: "read f32", weight: "read f32", bias: "read f32", y: "read_write f32", mean: "read_write f32", rstd: "read_write f32" },
    parameters: { count: "u32", width: "u32", epsilon: "f32" },
    declarations: workgroupReduction(threads),
    body: `
  let row = ${linearGroup};
  if (row >= p.count) { return; }
  let base = row * p.width;
  var total = 0.0;
  for (var c = lane; c < p.width; c += ${threads}u) { total += x[base + c]; }
  let centre = workgroupSum(total, lane) / f32(p.width);
  var squares = 0.0;
  for (var c = lane; c < p.width; c += ${threads}u) { let d = x[base + c] - centre; squares += d * d; }
  let scale = 1.0 / sqrt(workgroupSum(squares, lane) / f32(p.width) + p.epsilon);
  for (var c = lane; c < p.width; c += ${threads}u) { y[base + c] = (x[base + c] - centre) * scale * weight[c] + bias[c]; }
  if (lane == 0u) { mean[row] = centre; rstd[row] = scale; }`,
  }));
  for (const range of groupRanges(emitter, "layerNorm", x!, width)) {
    emitter.dispatch(
      kernel,
      { x: groupsOf(x!, width, range), weight: weight!, bias: bias!, y: groupsOf(y!, width, range), mean: groupsOf(mean!, 1, range), rstd: groupsOf(rstd!, 1, range) },
      { count: range.count, width, epsilon: attributes["epsilon"] as number },
      linearGrid(range.count, emitter.limits),
    );
  }
};

/** dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd. */
export const layerNormGrad: OpEmitter = (emitter, { inputs: [dy, x, weight, mean, rstd], outputs: [dx] }) => {
  const width = weight!.shape[0]!;
  const threads = normThreads(width);
  const kernel = kernelVariant(`layerNormGrad|${threads}`, () => ({
    label: "layerNormGrad",
    workgroupSize: [threads, 1],
    bindings: { dy: "read f32", x: "read f32", weight: "read f32", mean: "read f32", rstd: "read f32", dx: "read_write f32" },
    parameters: { count: "u32", width: "u32" },
    declarations: workgroupReduction(threads),
    body: `
  let row = ${linearGroup};
  if (row >= p.count) { return; }
  let base = row * p.width;
  let centre = mean[row];
  let scale = rstd[row];
  var total = 0.0;
  var products = 0.0;
  for (var c = lane; c < p.width; c += ${threads}u) {
    let g = dy[base + c] * weight[c];
    total += g;
    products += g * (x[base + c] - centre) * scale;
  }
  let meanG = workgroupSum(total, lane) / f32(p.width);
  let slope = workgroupSum(products, lane) / f32(p.width);
  for (var c = lane; c < p.width; c += ${threads}u) {
    dx[base + c] = scale * (dy[base + c] * weight[c] - meanG - (x[base + c] - centre) * scale * slope);
  }`,
  }));
  for (const range of groupRanges(emitter, "layerNormGrad", x!, width)) {
    emitter.dispatch(
      kernel,
      { dy: groupsOf(dy!, width, range), x: groupsOf(x!, width, range), weight: weight!, mean: groupsOf(mean!, 1, range), rstd: groupsOf(rstd!, 1, range), dx: groupsOf(dx!, width, range) },
      { count: range.count, width },
      linearGrid(range.count, emitter.limits),
    );
  }
};

/** dWeight = sum over groups of dy * xhat, dBias = sum over groups of dy. */
export const layerNormWeightGrad: OpEmitter = (emitter, { inputs: [dy, x, mean, rstd], outputs: [dWeight, dBias], attributes }) => {
  const width = attributes["width"] as number;
  emitColumnSum(
    emitter,
    {
      label: "layerNormWeightGrad",
      inputs: ["dy", "x", "mean", "rstd"],
      terms: ["dy[r * p.width + c] * (x[r * p.width + c] - mean[r]) * rstd[r]", "dy[r * p.width + c]"],
    },
    { dy: dy!, x: x!, mean: mean!, rstd: rstd! },
    elementCount(x!.shape) / width,
    width,
    [dWeight!, dBias!],
  );
};
