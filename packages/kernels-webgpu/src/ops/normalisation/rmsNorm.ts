import { elementCount } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { floatElement } from "../../operand.ts";
import { emitColumnSum } from "../bias/columnSum.ts";
import { normRanges, normRows, normRowsOf, pieceSum } from "./normRows.ts";

/** y = x * rstd * (weight + weightOffset), rstd = 1 / sqrt(mean(x^2) + epsilon) over each group. */
export const rmsNorm: OpEmitter = (emitter, { inputs: [x, weight], outputs: [y, rstd], attributes }) => {
  const width = weight!.shape[0]!;
  const rows = normRows(width, emitter.limits.matrixUnits === true);
  const { wide } = rows;
  const to = floatElement(y!, rows.piece);
  const kernel = kernelVariant(`rmsNorm|${rows.key}|${to}`, () => ({
    label: "rmsNorm",
    workgroupSize: rows.workgroupSize,
    enable: rows.enable,
    bindings: { x: `read ${wide}`, weight: `read ${wide}`, y: `read_write ${to}`, rstd: "read_write f32" },
    parameters: { count: "u32", epsilon: "f32", weightOffset: "f32" },
    declarations: rows.declarations,
    body: `${rows.prologue}
${rows.load("value", (at) => `x[${at}]`)}
  var squares = ${wide}();
${rows.forEach((piece) => `  squares += value${piece} * value${piece};`)}
  let scale = 1.0 / sqrt(rowSum(${pieceSum(rows, "squares")}, lane) / ${width}.0 + p.epsilon);
  if (!exists) { return; }
${rows.forEach((piece, column) => `  y[first + ${column}] = ${to}(value${piece} * scale * (weight[${column}] + p.weightOffset));`)}
  if (start == 0u) { rstd[row] = scale; }`,
  }));
  for (const range of normRanges(emitter, "rmsNorm", [x!, y!], width)) {
    emitter.dispatch(
      kernel,
      { x: normRowsOf(x!, width, range), weight: weight!, y: normRowsOf(y!, width, range), rstd: normRowsOf(rstd!, 1, range) },
      { count: range.count, epsilon: attributes["epsilon"] as number, weightOffset: attributes["weightOffset"] as number },
      rows.grid(emitter, range.count),
    );
  }
};

/**
 * dx = rstd * (g - x * rstd^2 * mean(g * x)), g = dy * (weight + weightOffset), plus the optional addend
 * (`fuseResidual`); a second output is its copy in float16 (`fuseCopy`).
 */
export const rmsNormGrad: OpEmitter = (emitter, { inputs: [dy, x, weight, rstd, addend], outputs: [dx, half], attributes }) => {
  const width = weight!.shape[0]!;
  const rows = normRows(width, emitter.limits.matrixUnits === true);
  const { wide } = rows;
  const from = floatElement(dy!, rows.piece);
  const to = half && floatElement(half, rows.piece);
  const plus = (column: string): string => (addend ? `addend[first + ${column}] + ` : "");
  const kernel = kernelVariant(`rmsNormGrad|${rows.key}|${from}|${addend !== undefined}|${to ?? ""}`, () => ({
    label: "rmsNormGrad",
    workgroupSize: rows.workgroupSize,
    enable: rows.enable,
    bindings: {
      dy: `read ${from}`,
      x: `read ${wide}`,
      weight: `read ${wide}`,
      rstd: "read f32",
      ...(addend ? { addend: `read ${wide}` as const } : {}),
      dx: `read_write ${wide}`,
      ...(to ? { half: `read_write ${to}` as const } : {}),
    },
    parameters: { count: "u32", weightOffset: "f32" },
    declarations: rows.declarations,
    body: `${rows.prologue}
${rows.load("value", (at) => `x[${at}]`)}
${rows.load("g", (at, column) => `${wide}(dy[${at}]) * (weight[${column}] + p.weightOffset)`)}
  var products = ${wide}();
${rows.forEach((piece) => `  products += g${piece} * value${piece};`)}
  let scale = rstd[min(row, p.count - 1u)];
  let slope = scale * scale * rowSum(${pieceSum(rows, "products")}, lane) / ${width}.0;
  if (!exists) { return; }
${rows.forEach(
  (piece, column) => `  let sum${piece} = ${plus(column)}scale * (g${piece} - value${piece} * slope);
  dx[first + ${column}] = sum${piece};${to ? `\n  half[first + ${column}] = ${to}(sum${piece});` : ""}`,
)}`,
  }));
  for (const range of normRanges(emitter, "rmsNormGrad", [x!, dy!], width)) {
    emitter.dispatch(
      kernel,
      {
        dy: normRowsOf(dy!, width, range),
        x: normRowsOf(x!, width, range),
        weight: weight!,
        rstd: normRowsOf(rstd!, 1, range),
        ...(addend ? { addend: normRowsOf(addend, width, range) } : {}),
        dx: normRowsOf(dx!, width, range),
        ...(half ? { half: normRowsOf(half, width, range) } : {}),
      },
      { count: range.count, weightOffset: attributes["weightOffset"] as number },
      rows.grid(emitter, range.count),
    );
  }
};

/** dWeight = sum over groups of dy * x * rstd, plus the optional addend. */
export const rmsNormWeightGrad: OpEmitter = (emitter, { inputs: [dy, x, rstd, addend], outputs: [dWeight], attributes }) => {
  const width = attributes["width"] as number;
  emitColumnSum(
    emitter,
    { label: "rmsNormWeightGrad", inputs: ["dy", "x", "rstd"], terms: ["f32(dy[r * p.width + c]) * x[r * p.width + c] * rstd[r]"] },
    { dy: dy!, x: x!, rstd: rstd! },
    elementCount(x!.shape) / width,
    width,
    [dWeight!],
    [addend],
  );
};
