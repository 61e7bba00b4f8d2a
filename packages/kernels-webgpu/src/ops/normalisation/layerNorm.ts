import { elementCount } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { emitColumnSum } from "../bias/columnSum.ts";
import { lanesFor, NORM_THREADS, normDeclarations, normGrid, normPrologue, normRanges, normRowsOf } from "./normRows.ts";

/** y = (x - mean) * rstd * weight + bias; the variance is summed from the differences, in a second pass over the group. */
export const layerNorm: OpEmitter = (emitter, { inputs: [x, weight, bias], outputs: [y, mean, rstd], attributes }) => {
  const width = weight!.shape[0]!;
  const lanes = lanesFor(width);
  const kernel = kernelVariant(`layerNorm|${lanes}`, () => ({
    label: "layerNorm",
    workgroupSize: [NORM_THREADS, 1],
    bindings: { x: "read f32", weight: "read f32", bias: "read f32", y: "read_write f32", mean: "read_write f32", rstd: "read_write f32" },
    parameters: { count: "u32", width: "u32", epsilon: "f32" },
    declarations: normDeclarations(lanes),
    body: `${normPrologue(lanes)}
  var total = 0.0;
  for (var c = start; c < end; c += ${lanes}u) { total += x[base + c]; }
  let centre = rowSum(total, lane) / f32(p.width);
  var squares = 0.0;
  for (var c = start; c < end; c += ${lanes}u) { let d = x[base + c] - centre; squares += d * d; }
  let scale = 1.0 / sqrt(rowSum(squares, lane) / f32(p.width) + p.epsilon);
  for (var c = start; c < end; c += ${lanes}u) { y[base + c] = (x[base + c] - centre) * scale * weight[c] + bias[c]; }
  if (exists && start == 0u) { mean[row] = centre; rstd[row] = scale; }`,
  }));
  for (const range of normRanges(emitter, "layerNorm", x!, width)) {
    emitter.dispatch(
      kernel,
      {
        x: normRowsOf(x!, width, range),
        weight: weight!,
        bias: bias!,
        y: normRowsOf(y!, width, range),
        mean: normRowsOf(mean!, 1, range),
        rstd: normRowsOf(rstd!, 1, range),
      },
      { count: range.count, width, epsilon: attributes["epsilon"] as number },
      normGrid(emitter, range.count, lanes),
    );
  }
};

/** dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd. */
export const layerNormGrad: OpEmitter = (emitter, { inputs: [dy, x, weight, mean, rstd], outputs: [dx] }) => {
  const width = weight!.shape[0]!;
  const lanes = lanesFor(width);
  const kernel = kernelVariant(`layerNormGrad|${lanes}`, () => ({
    label: "layerNormGrad",
    workgroupSize: [NORM_THREADS, 1],
    bindings: { dy: "read f32", x: "read f32", weight: "read f32", mean: "read f32", rstd: "read f32", dx: "read_write f32" },
    parameters: { count: "u32", width: "u32" },
    declarations: normDeclarations(lanes),
    body: `${normPrologue(lanes)}
  let centre = mean[min(row, p.count - 1u)];
  let scale = rstd[min(row, p.count - 1u)];
  var total = 0.0;
  var products = 0.0;
  for (var c = start; c < end; c += ${lanes}u) {
    let g = dy[base + c] * weight[c];
    total += g;
    products += g * (x[base + c] - centre) * scale;
  }
  let meanG = rowSum(total, lane) / f32(p.width);
  let slope = rowSum(products, lane) / f32(p.width);
  for (var c = start; c < end; c += ${lanes}u) {
    dx[base + c] = scale * (dy[base + c] * weight[c] - meanG - (x[base + c] - centre) * scale * slope);
  }`,
  }));
  for (const range of normRanges(emitter, "layerNormGrad", x!, width)) {
    emitter.dispatch(
      kernel,
      {
        dy: normRowsOf(dy!, width, range),
        x: normRowsOf(x!, width, range),
        weight: weight!,
        mean: normRowsOf(mean!, 1, range),
        rstd: normRowsOf(rstd!, 1, range),
        dx: normRowsOf(dx!, width, range),
      },
      { count: range.count, width },
      normGrid(emitter, range.count, lanes),
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
