import { elementCount } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { emitColumnSum } from "../bias/columnSum.ts";
import { lanesFor, NORM_THREADS, normDeclarations, normGrid, normPrologue, normRanges, normRowsOf } from "./normRows.ts";

/** y = x * rstd * (weight + weightOffset), rstd = 1 / sqrt(mean(x^2) + epsilon) over each group. */
export const rmsNorm: OpEmitter = (emitter, { inputs: [x, weight], outputs: [y, rstd], attributes }) => {
  const width = weight!.shape[0]!;
  const lanes = lanesFor(width);
  const kernel = kernelVariant(`rmsNorm|${lanes}`, () => ({
    label: "rmsNorm",
    workgroupSize: [NORM_THREADS, 1],
    bindings: { x: "read f32", weight: "read f32", y: "read_write f32", rstd: "read_write f32" },
    parameters: { count: "u32", width: "u32", epsilon: "f32", weightOffset: "f32" },
    declarations: normDeclarations(lanes),
    body: `${normPrologue(lanes)}
  var squares = 0.0;
  for (var c = start; c < end; c += ${lanes}u) { let value = x[base + c]; squares += value * value; }
  let scale = 1.0 / sqrt(rowSum(squares, lane) / f32(p.width) + p.epsilon);
  for (var c = start; c < end; c += ${lanes}u) { y[base + c] = x[base + c] * scale * (weight[c] + p.weightOffset); }
  if (exists && start == 0u) { rstd[row] = scale; }`,
  }));
  for (const range of normRanges(emitter, "rmsNorm", x!, width)) {
    emitter.dispatch(
      kernel,
      { x: normRowsOf(x!, width, range), weight: weight!, y: normRowsOf(y!, width, range), rstd: normRowsOf(rstd!, 1, range) },
      { count: range.count, width, epsilon: attributes["epsilon"] as number, weightOffset: attributes["weightOffset"] as number },
      normGrid(emitter, range.count, lanes),
    );
  }
};

/** dx = rstd * (g - x * rstd^2 * mean(g * x)), g = dy * (weight + weightOffset). */
export const rmsNormGrad: OpEmitter = (emitter, { inputs: [dy, x, weight, rstd], outputs: [dx], attributes }) => {
  const width = weight!.shape[0]!;
  const lanes = lanesFor(width);
  const kernel = kernelVariant(`rmsNormGrad|${lanes}`, () => ({
    label: "rmsNormGrad",
    workgroupSize: [NORM_THREADS, 1],
    bindings: { dy: "read f32", x: "read f32", weight: "read f32", rstd: "read f32", dx: "read_write f32" },
    parameters: { count: "u32", width: "u32", weightOffset: "f32" },
    declarations: normDeclarations(lanes),
    body: `${normPrologue(lanes)}
  var products = 0.0;
  for (var c = start; c < end; c += ${lanes}u) { products += dy[base + c] * (weight[c] + p.weightOffset) * x[base + c]; }
  let scale = rstd[min(row, p.count - 1u)];
  let slope = scale * scale * rowSum(products, lane) / f32(p.width);
  for (var c = start; c < end; c += ${lanes}u) {
    dx[base + c] = scale * (dy[base + c] * (weight[c] + p.weightOffset) - x[base + c] * slope);
  }`,
  }));
  for (const range of normRanges(emitter, "rmsNormGrad", x!, width)) {
    emitter.dispatch(
      kernel,
      {
        dy: normRowsOf(dy!, width, range),
        x: normRowsOf(x!, width, range),
        weight: weight!,
        rstd: normRowsOf(rstd!, 1, range),
        dx: normRowsOf(dx!, width, range),
      },
      { count: range.count, width, weightOffset: attributes["weightOffset"] as number },
      normGrid(emitter, range.count, lanes),
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
