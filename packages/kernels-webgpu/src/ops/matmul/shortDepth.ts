import type { Emitter } from "../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import { floatElement, type FloatElement } from "../../operand.ts";
import { depthOf } from "./depth.ts";
import type { MatmulOperands } from "./matmul.ts";

/** Depth up to which memory alone decides: a LoRA rank. */
export const LONGEST_SHORT_DEPTH = 32;
const ROWS = 64;
const COLUMNS = 128;
const THREADS = 256;
/** Rows that a thread computes, of one vec4 of columns. */
const THREAD_ROWS = (ROWS * COLUMNS) / 4 / THREADS;

/** Whether a product is bound by reading and writing y: a short depth under long rows. */
export function isShortDepth(operands: MatmulOperands, transposeA: boolean, transposeB: boolean): boolean {
  const { a, y } = operands;
  const k = depthOf(operands, transposeB);
  return k === a.shape[1] && k > 0 && k <= LONGEST_SHORT_DEPTH && k % 4 === 0 && !transposeA && y.shape[1]! % 4 === 0 && y.shape[1]! >= 64;
}

/** Launches y = alpha a op(b) + addend for a short depth, summed in float32: y is written once in whole vec4s, b and a are read a few times. */
export function emitShortDepth(emitter: Emitter, { a, b, addend, y }: MatmulOperands, transposeB: boolean, alpha: number): void {
  const [m, n] = y.shape as [number, number];
  const k = a.shape[1]!;
  const separate = addend !== undefined && addend.storage !== y.storage;
  emitter.dispatch(
    shortDepthKernel(
      k,
      transposeB,
      separate,
      [a, b, y].map((operand) => floatElement(operand, 4)),
    ),
    { a, b, y, ...(separate ? { addend } : {}) },
    { m, n, alpha, accumulate: addend !== undefined && !separate ? 1 : 0 },
    [Math.ceil(n / COLUMNS), Math.ceil(m / ROWS)],
  );
}

function shortDepthKernel(k: number, transposeB: boolean, addend: boolean, types: readonly FloatElement[]): Kernel {
  const [a, b, y] = types as [FloatElement, FloatElement, FloatElement];
  const rows = Array.from({ length: THREAD_ROWS }, (_, index) => index);
  return kernelVariant(`matmul|shortDepth|${k}|${transposeB}|${addend}|${types.join()}`, () => ({
    label: `matmul N${transposeB ? "T" : "N"} of depth ${k}`,
    workgroupSize: [THREADS, 1],
    bindings: {
      a: `read ${a}`,
      b: `read ${b}`,
      ...(addend ? { addend: `read ${y}` as const } : {}),
      y: `read_write ${y}`,
    },
    parameters: { m: "u32", n: "u32", alpha: "f32", accumulate: "u32" },
    declarations: `
var<workgroup> aTile: array<vec4f, ${ROWS * (k / 4)}>;
var<workgroup> bTile: array<vec4f, ${k * (COLUMNS / 4 + 1)}>;`,
    body: `
  let firstRow = group.y * ${ROWS}u;
  let firstColumn = group.x * ${COLUMNS}u;
  for (var slot = lane; slot < ${ROWS * (k / 4)}u; slot += ${THREADS}u) {
    let row = firstRow + slot / ${k / 4}u;
    if (row < p.m) { aTile[slot] = p.alpha * vec4f(a[row * ${k / 4}u + slot % ${k / 4}u]); }
  }
${
  transposeB
    ? `  for (var slot = lane; slot < ${COLUMNS * (k / 4)}u; slot += ${THREADS}u) {
    let column = slot / ${k / 4}u;
    let depth = slot % ${k / 4}u * 4u;
    if (firstColumn + column < p.n) {
      let values = vec4f(b[(firstColumn + column) * ${k / 4}u + slot % ${k / 4}u]);
      for (var j = 0u; j < 4u; j++) { bTile[(depth + j) * ${COLUMNS / 4 + 1}u + column / 4u][column % 4u] = values[j]; }
    }
  }`
    : `  for (var slot = lane; slot < ${(COLUMNS * k) / 4}u; slot += ${THREADS}u) {
    let depth = slot / ${COLUMNS / 4}u;
    let column = slot % ${COLUMNS / 4}u;
    if (firstColumn + 4u * column < p.n) { bTile[depth * ${COLUMNS / 4 + 1}u + column] = vec4f(b[(depth * p.n + firstColumn) / 4u + column]); }
  }`
}
  workgroupBarrier();
  let column = lane % ${COLUMNS / 4}u;
  if (firstColumn + 4u * column >= p.n) { return; }
  let top = lane / ${COLUMNS / 4}u * ${THREAD_ROWS}u;
${rows.map((i) => `  var sum${i} = vec4f();`).join("\n")}
  for (var d = 0u; d < ${k / 4}u; d++) {
    let b0 = bTile[(4u * d) * ${COLUMNS / 4 + 1}u + column];
    let b1 = bTile[(4u * d + 1u) * ${COLUMNS / 4 + 1}u + column];
    let b2 = bTile[(4u * d + 2u) * ${COLUMNS / 4 + 1}u + column];
    let b3 = bTile[(4u * d + 3u) * ${COLUMNS / 4 + 1}u + column];
${rows.map((i) => `    { let left = aTile[(top + ${i}u) * ${k / 4}u + d]; sum${i} += left.x * b0 + left.y * b1 + left.z * b2 + left.w * b3; }`).join("\n")}
  }
  let slot = ((firstRow + top) * p.n + firstColumn) / 4u + column;
${rows
  .map(
    (i) => `  if (firstRow + top + ${i}u < p.m) {
    let at = slot + ${i}u * (p.n / 4u);
${addend ? `    y[at] = ${y}(sum${i} + vec4f(addend[at]));` : `    if (p.accumulate != 0u) { y[at] = ${y}(vec4f(y[at]) + sum${i}); } else { y[at] = ${y}(sum${i}); }`}
  }`,
  )
  .join("\n")}`,
  }));
}
