import type { Emitter, KernelLimits } from "../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import type { Operand } from "../../operand.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import type { MatmulOperands } from "./matmul.ts";
import { matrixUnitKernel } from "./matrixUnitKernel.ts";
import type { RowRange } from "../../rowRanges.ts";
import { chooseMatrixUnitTile } from "./matrixUnitTile.ts";

/** Elements of a 16x16 matrix. */
const SMALLEST_RESULT = 256;
/** Blocks of a product from which on the remainder has a launch of its own: more than a large GPU works on at a time. */
const REST_FROM_BLOCKS = 132;

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

/** Launches a product on matrix units; a depth split among workgroups is added up in order afterwards. */
export function emitOnMatrixUnits(
  emitter: Emitter,
  { a, b, addend, y }: MatmulOperands,
  transposeA: boolean,
  transposeB: boolean,
  alpha: number,
): void {
  const [m, n] = y.shape as [number, number];
  const k = transposeA ? a.shape[0]! : a.shape[1]!;
  const { tile, depthParts } = chooseMatrixUnitTile(m, n, k);
  const partDepth = Math.ceil(Math.ceil(k / depthParts) / tile.tileK) * tile.tileK;
  const parts = Math.ceil(k / partDepth);
  const split = parts > 1;
  const target = split ? emitter.scratch({ shape: [parts * m, n], dtype: "f32" }) : y;
  const separateAddend = !split && addend !== undefined && addend.storage !== y.storage;
  const accumulate = !split && addend !== undefined && !separateAddend;
  const [aStride, bStride] = [a.shape[1]!, b.shape[1]!];
  const many = Math.ceil(m / tile.tileM) * Math.ceil(n / tile.tileN) >= REST_FROM_BLOCKS;
  for (const rows of wholeAndRest(m, tile.tileM, many)) {
    for (const columns of wholeAndRest(n, tile.tileN, many)) {
      const exact = rows.count % tile.tileM === 0 && columns.count % tile.tileN === 0 && k % tile.tileK === 0;
      emitter.dispatch(
        matrixUnitKernel({ tile, transposeA, transposeB, a: elementOf(a), b: elementOf(b), addend: separateAddend, exact }),
        { a, b, y: target, ...(separateAddend ? { addend: addend! } : {}) },
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
  if (!split) return;
  const added = addend !== undefined && addend.storage !== y.storage;
  emitter.dispatch(
    sumPartsKernel(added),
    { parts: target, y, ...(added ? { addend: addend! } : {}) },
    { length: m * n, count: parts, alpha, accumulate: addend !== undefined && !added ? 1 : 0 },
    linearGrid(Math.ceil((m * n) / 4 / 256), emitter.limits),
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
function sumPartsKernel(addend: boolean): Kernel {
  return kernelVariant(`sumParts|${addend}`, () => ({
    label: "matmul, sum of depth parts",
    workgroupSize: [256, 1],
    bindings: { parts: "read vec4f", ...(addend ? { addend: "read vec4f" as const } : {}), y: "read_write vec4f" },
    parameters: { length: "u32", count: "u32", alpha: "f32", accumulate: "u32" },
    body: `
  let at = (${linearGroup}) * 256u + lane;
  let length = p.length / 4u;
  if (at >= length) { return; }
  var sum = vec4f();
  for (var part = 0u; part < p.count; part++) { sum += parts[part * length + at]; }
  sum *= p.alpha;
${addend ? "  sum += addend[at];" : "  if (p.accumulate != 0u) { sum += y[at]; }"}
  y[at] = sum;`,
  }));
}

function elementOf({ dtype }: Operand): "f32" | "f16" {
  return dtype === "f16" ? "f16" : "f32";
}
