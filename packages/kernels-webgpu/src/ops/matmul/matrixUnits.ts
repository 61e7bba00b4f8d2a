import type { Emitter, KernelLimits } from "../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import { floatElement, rowsOf, type FloatElement, type Operand, type OperandRange } from "../../operand.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { depthOf } from "./depth.ts";
import type { MatmulOperands } from "./matmul.ts";
import { matrixUnitKernel } from "./matrixUnitKernel.ts";
import type { RowRange } from "../../rowRanges.ts";
import { chooseMatrixUnitTile, matrixUnitTiles, type MatrixUnitTile } from "./matrixUnitTile.ts";
import { nameProductClass, productClassOf } from "./productClass.ts";
import { shapedKernel, takesTurns } from "./shapedKernel.ts";
import { LINE, suitsWholeLines } from "./wholeLines.ts";

/** Elements of a 16x16 matrix. */
const SMALLEST_RESULT = 256;
/** Blocks of a product from which on the remainder has a launch of its own: more than a large GPU works on at a time. */
const REST_FROM_BLOCKS = 132;
/** Multiplications from which on a product has a kernel of its own: some microseconds of a large GPU. */
const LARGE_FROM_PRODUCTS = 2 ** 28;

/**
 * Whether a product can run on matrix units: the device has them, all contiguous extents are multiples of 8 (16 bytes of
 * float16), and y is no smaller than one matrix, which is the least that Dawn lets a kernel bind that stores matrices.
 */
export function suitsMatrixUnits(limits: KernelLimits, { a, b, y }: MatmulOperands, transposeA: boolean, alpha: number): boolean {
  const [m, n] = y.shape as [number, number];
  const k = transposeA ? a.shape[0]! : a.shape[1]!;
  return (
    limits.matrixUnits === true &&
    alpha !== 0 &&
    m * n >= SMALLEST_RESULT &&
    k > 0 &&
    [a.shape[1]!, b.shape[1]!, n].every((extent) => extent % 8 === 0)
  );
}

/**
 * Launches a product on matrix units, or a part of its rows where a is not transposed; a depth split among workgroups is added up in
 * order afterwards.
 */
export function emitOnMatrixUnits(
  emitter: Emitter,
  { a, b, addend, y }: MatmulOperands,
  transposeA: boolean,
  transposeB: boolean,
  alpha: number,
  part: RowRange = { start: 0, count: y.shape[0]! },
): void {
  const [m, n] = [part.count, y.shape[1]!];
  const k = depthOf({ a, b, y }, transposeB);
  const rowsOfPart = (operand: Operand): OperandRange => rowsOf(operand, part.start, part.count);
  const tuned =
    m === y.shape[0]! ? emitter.limits.tiles?.get(nameProductClass(productClassOf({ a, b, y }, transposeA, transposeB, true))) : undefined;
  const { tile, depthParts } = chooseMatrixUnitTile(m, n, k, tuned === undefined ? undefined : matrixUnitTiles[tuned]);
  const depthUnit = Math.max(tile.tileK, LINE);
  const partDepth = Math.ceil(Math.ceil(k / depthParts) / depthUnit) * depthUnit;
  const parts = Math.ceil(k / partDepth);
  const split = parts > 1;
  const target = split ? emitter.scratch({ shape: [parts * m, n], dtype: "f32" }) : y;
  const separateAddend = !split && addend !== undefined && addend.storage !== y.storage;
  const accumulate = !split && addend !== undefined && !separateAddend;
  const bindings = {
    a: transposeA ? a : rowsOfPart(a),
    b,
    y: split ? target : rowsOfPart(y),
    ...(separateAddend ? { addend: rowsOfPart(addend!) } : {}),
  };
  const types = { a: elementOf(a), b: elementOf(b), y: elementOf(target) };
  if (deservesOwnText(tile, m, n, k)) {
    const wholeLines = suitsWholeLines({ tile, transposeA, transposeB, ...types }, k);
    const [across, down] = [Math.ceil(n / tile.tileN), Math.ceil(m / tile.tileM)];
    const atOnce = emitter.limits.largeWorkgroupsAtOnce ?? emitter.limits.maxWorkgroupsPerDimension;
    const kind = separateAddend ? "separate" : accumulate ? "inPlace" : "none";
    emitter.dispatch(
      shapedKernel({
        tile,
        transposeA,
        transposeB,
        aStride: a.shape[1]!,
        longRows: !transposeA && a.shape[1] !== k,
        bStride: b.shape[1]!,
        n,
        wholeRows: m % tile.tileM === 0,
        parts: split,
        ...types,
        addend: kind,
        wholeLines,
      }),
      bindings,
      { m, k, partDepth, alpha: split ? 1 : alpha },
      takesTurns({ wholeLines, parts: split }) ? [Math.min(across * down, atOnce)] : [across, down, parts],
    );
    if (split) addParts(emitter, target, parts, addend && rowsOfPart(addend), rowsOfPart(y), alpha);
    return;
  }
  const [aStride, bStride] = [a.shape[1]!, b.shape[1]!];
  const many = Math.ceil(m / tile.tileM) * Math.ceil(n / tile.tileN) >= REST_FROM_BLOCKS;
  for (const rows of wholeAndRest(m, tile.tileM, many)) {
    for (const columns of wholeAndRest(n, tile.tileN, many)) {
      const exact = rows.count % tile.tileM === 0 && columns.count % tile.tileN === 0 && k % tile.tileK === 0;
      emitter.dispatch(
        matrixUnitKernel({ tile, transposeA, transposeB, ...types, addend: separateAddend, exact }),
        bindings,
        {
          m: rows.count,
          n: columns.count,
          k,
          aStride,
          bStride,
          yStride: n,
          aFirst: transposeA ? rows.start : rows.start * aStride,
          bFirst: transposeB ? columns.start * bStride : columns.start,
          yFirst: rows.start * n + columns.start,
          partDepth,
          planeStride: m * n,
          alpha: split ? 1 : alpha,
          accumulate: accumulate ? 1 : 0,
        },
        [Math.ceil(columns.count / tile.tileN), Math.ceil(rows.count / tile.tileM), parts],
      );
    }
  }
  if (split) addParts(emitter, target, parts, addend && rowsOfPart(addend), rowsOfPart(y), alpha);
}

/** Whether a product takes so long that a kernel for its weights' shape alone is worth compiling, which takes a tenth of a second. */
export function deservesOwnText(tile: MatrixUnitTile, m: number, n: number, k: number): boolean {
  return m >= tile.tileM && n >= tile.tileN && k % tile.tileK === 0 && m * n * k >= LARGE_FROM_PRODUCTS;
}

/** y = alpha * sum of the planes of `parts` (+ addend). */
function addParts(
  emitter: Emitter,
  planes: Operand,
  parts: number,
  addend: OperandRange | undefined,
  y: OperandRange,
  alpha: number,
): void {
  const { length } = y;
  const added = addend !== undefined && addend.operand.storage !== y.operand.storage;
  emitter.dispatch(
    sumPartsKernel(added, floatElement(y.operand, 4)),
    { parts: planes, y, ...(added ? { addend } : {}) },
    { length, count: parts, alpha, accumulate: addend !== undefined && !added ? 1 : 0 },
    linearGrid(Math.ceil(length / 4 / 256), emitter.limits),
  );
}

/** An extent as its whole tiles and what is left, so that most of a large product runs without bounds. */
function wholeAndRest(extent: number, tile: number, divide: boolean): readonly RowRange[] {
  const whole = extent - (extent % tile);
  if (!divide || whole === extent || whole === 0) return [{ start: 0, count: extent }];
  return [
    { start: 0, count: whole },
    { start: whole, count: extent - whole },
  ];
}

/** y = alpha * sum over the parts in ascending order (+ addend, or + y). Four elements a thread. */
function sumPartsKernel(addend: boolean, type: FloatElement): Kernel {
  return kernelVariant(`sumParts|${addend}|${type}`, () => ({
    label: "matmul, sum of depth parts",
    workgroupSize: [256, 1],
    bindings: { parts: "read vec4f", ...(addend ? { addend: `read ${type}` as const } : {}), y: `read_write ${type}` },
    parameters: { length: "u32", count: "u32", alpha: "f32", accumulate: "u32" },
    body: `
  let at = (${linearGroup}) * 256u + lane;
  let length = p.length / 4u;
  if (at >= length) { return; }
  var sum = vec4f();
  for (var part = 0u; part < p.count; part++) { sum += parts[part * length + at]; }
  sum *= p.alpha;
${addend ? "  sum += vec4f(addend[at]);" : "  if (p.accumulate != 0u) { sum += vec4f(y[at]); }"}
  y[at] = ${type}(sum);`,
  }));
}

function elementOf({ dtype }: Operand): "f32" | "f16" {
  return dtype === "f16" ? "f16" : "f32";
}
