import { elementCount } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { floatElement } from "../../operand.ts";
import { emitColumnSum } from "../bias/columnSum.ts";
import { normRanges, normRows, normRowsOf, pieceSum } from "./normRows.ts";

/** y = (x - mean) * rstd * weight + bias; the variance is summed from the differences, in a second pass over the group. */
export const layerNorm: OpEmitter = (emitter, { inputs: [x, weight, bias], outputs: [y, mean, rstd], attributes }) => {
  const width = weight!.shape[0]!;
  const rows = normRows(width, emitter.limits.matrixUnits === true);
  const { wide } = rows;
  const to = floatElement(y!, rows.piece);
  const kernel = kernelVariant(`layerNorm|${rows.key}|${to}`, () => ({
    label: "layerNorm",
    workgroupSize: rows.workgroupSize,
    enable: rows.enable,
    bindings: {
      x: `read ${wide}`,
      weight: `read ${wide}`,
      bias: `read ${wide}`,
      y: `read_write ${to}`,
      mean: "read_write f32",
      rstd: "read_write f32",
    },
    parameters: { count: "u32", epsilon: "f32" },
    declarations: rows.declarations,
    body: `${rows.prologue}
${rows.load("value", (at) => `x[${at}]`)}
  var total = ${wide}();
${rows.forEach((piece) => `  total += value${piece};`)}
  let centre = rowSum(${pieceSum(rows, "total")}, lane) / ${width}.0;
  var squares = ${wide}();
${rows.forEach((piece) => `  { let d = value${piece} - centre; squares += d * d; }`)}
  let scale = 1.0 / sqrt(rowSum(${pieceSum(rows, "squares")}, lane) / ${width}.0 + p.epsilon);
  if (!exists) { return; }
${rows.forEach((piece, column) => `  y[first + ${column}] = ${to}((value${piece} - centre) * scale * weight[${column}] + bias[${column}]);`)}
  if (start == 0u) { mean[row] = centre; rstd[row] = scale; }`,
  }));
  for (const range of normRanges(emitter, "layerNorm", [x!, y!], width)) {
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
      { count: range.count, epsilon: attributes["epsilon"] as number },
      rows.grid(emitter, range.count),
    );
  }
};

/**
 * dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd, plus the optional addend
 * (`fuseResidual`); a second output is its copy in float16 (`fuseCopy`).
 */
export const layerNormGrad: OpEmitter = (emitter, { inputs: [dy, x, weight, mean, rstd, addend], outputs: [dx, half] }) => {
  const width = weight!.shape[0]!;
  const rows = normRows(width, emitter.limits.matrixUnits === true);
  const { wide } = rows;
  const from = floatElement(dy!, rows.piece);
  const to = half && floatElement(half, rows.piece);
  const plus = (column: string): string => (addend ? `addend[first + ${column}] + ` : "");
  const kernel = kernelVariant(`layerNormGrad|${rows.key}|${from}|${addend !== undefined}|${to ?? ""}`, () => ({
    label: "layerNormGrad",
    workgroupSize: rows.workgroupSize,
    enable: rows.enable,
    bindings: {
      dy: `read ${from}`,
      x: `read ${wide}`,
      weight: `read ${wide}`,
      mean: "read f32",
      rstd: "read f32",
      ...(addend ? { addend: `read ${wide}` as const } : {}),
      dx: `read_write ${wide}`,
      ...(to ? { half: `read_write ${to}` as const } : {}),
    },
    parameters: { count: "u32" },
    declarations: rows.declarations,
    body: `${rows.prologue}
  let centre = mean[min(row, p.count - 1u)];
  let scale = rstd[min(row, p.count - 1u)];
${rows.load("xhat", (at) => `(x[${at}] - centre) * scale`)}
${rows.load("g", (at, column) => `${wide}(dy[${at}]) * weight[${column}]`)}
  var total = ${wide}();
  var products = ${wide}();
${rows.forEach((piece) => `  total += g${piece};\n  products += g${piece} * xhat${piece};`)}
  let meanG = rowSum(${pieceSum(rows, "total")}, lane) / ${width}.0;
  let slope = rowSum(${pieceSum(rows, "products")}, lane) / ${width}.0;
  if (!exists) { return; }
${rows.forEach(
  (piece, column) => `  let sum${piece} = ${plus(column)}scale * (g${piece} - meanG - xhat${piece} * slope);
  dx[first + ${column}] = sum${piece};${to ? `\n  half[first + ${column}] = ${to}(sum${piece});` : ""}`,
)}`,
  }));
  for (const range of normRanges(emitter, "layerNormGrad", [x!, dy!], width)) {
    emitter.dispatch(
      kernel,
      {
        dy: normRowsOf(dy!, width, range),
        x: normRowsOf(x!, width, range),
        weight: weight!,
        mean: normRowsOf(mean!, 1, range),
        rstd: normRowsOf(rstd!, 1, range),
        ...(addend ? { addend: normRowsOf(addend, width, range) } : {}),
        dx: normRowsOf(dx!, width, range),
        ...(half ? { half: normRowsOf(half, width, range) } : {}),
      },
      { count: range.count },
      rows.grid(emitter, range.count),
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
      terms: ["f32(dy[r * p.width + c]) * (x[r * p.width + c] - mean[r]) * rstd[r]", "f32(dy[r * p.width + c])"],
    },
    { dy: dy!, x: x!, mean: mean!, rstd: rstd! },
    elementCount(x!.shape) / width,
    width,
    [dWeight!, dBias!],
  );
};
