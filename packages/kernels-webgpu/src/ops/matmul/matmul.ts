import type { Emitter, OpEmitter } from "../../dispatch.ts";
import { rowBytes, rowsOf, type Operand } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";
import { depthOf } from "./depth.ts";
import { emitOnMatrixUnits, suitsMatrixUnits } from "./matrixUnits.ts";
import { matmulKernel } from "./matmulKernel.ts";
import { nameProductClass, productClassOf } from "./productClass.ts";
import { emitShortDepth, isShortDepth } from "./shortDepth.ts";
import { chooseTile, LARGE_FROM_BLOCKS } from "./tile.ts";
import { canBeWhole, largeTiles, simtTile, WHOLE } from "./tileCandidates.ts";
import { WHOLE_TILE, wholeTileKernel } from "./wholeTileKernel.ts";

/** y[M,N] = alpha op(a) op(b) + addend. */
export const matmul: OpEmitter = (emitter, { inputs: [a, b, addend], outputs: [y], attributes }) => {
  emitMatmul(
    emitter,
    { a: a!, b: b!, addend, y: y! },
    attributes["transposeA"] as boolean,
    attributes["transposeB"] as boolean,
    attributes["alpha"] as number,
  );
};

/**
 * Operands of one product. An addend that is y itself is added in place. Rows of a may be longer than the product needs: its extents
 * are those of b and y.
 */
export interface MatmulOperands {
  readonly a: Operand;
  readonly b: Operand;
  readonly addend?: Operand | undefined;
  readonly y: Operand;
}

/**
 * Launches a product, piece by piece where an operand passes the binding limit: rows of y (with the rows of a that they need),
 * columns of y where those are rows of a transposed b, and ranges of the depth, added in ascending order, where that is what an
 * operand's rows are.
 */
export function emitMatmul(emitter: Emitter, operands: MatmulOperands, transposeA: boolean, transposeB: boolean, alpha: number): void {
  const { a, b, addend, y } = operands;
  const { limits } = emitter;
  const fits = [a, b, y, ...(addend ? [addend] : [])].every((operand) => operand.shape[0]! * rowBytes(operand) <= limits.maxBindingBytes);
  if (fits && alpha !== 0 && limits.maxInvocationsPerWorkgroup >= 256 && isShortDepth(operands, transposeA, transposeB))
    return emitShortDepth(emitter, operands, transposeB, alpha);
  if (fits && suitsMatrixUnits(limits, operands, transposeA, alpha))
    return emitOnMatrixUnits(emitter, operands, transposeA, transposeB, alpha);
  if (
    !fits &&
    !transposeA &&
    b.shape[0]! * rowBytes(b) <= limits.maxBindingBytes &&
    suitsMatrixUnits(limits, operands, transposeA, alpha)
  ) {
    const parts = rowRanges("matmul", y.shape[0]!, [a, y, ...(addend ? [addend] : [])].map(rowBytes), limits.maxBindingBytes);
    for (const part of parts) emitOnMatrixUnits(emitter, operands, transposeA, transposeB, alpha, part);
    return;
  }
  const [m, n] = y.shape as [number, number];
  const k = depthOf(operands, transposeB);
  const [aStride, bStride, yStride] = [a.shape[1]!, b.shape[1]!, n];
  const separate = addend !== undefined && addend.storage !== y.storage;
  const tuned = fits ? limits.tiles?.get(nameProductClass(productClassOf(operands, transposeA, transposeB, false))) : undefined;
  // Enough blocks to fill a device, where nothing was measured.
  const wantsWhole = tuned === undefined ? (m / WHOLE_TILE) * (n / WHOLE_TILE) >= LARGE_FROM_BLOCKS : tuned === WHOLE;
  if (fits && wantsWhole && canBeWhole({ m, n, k, a: a.dtype, b: b.dtype, y: y.dtype }, limits)) {
    emitter.dispatch(
      wholeTileKernel(transposeA, transposeB, separate),
      { a, b, y, ...(separate ? { addend } : {}) },
      { n, k, aStride, bStride, alpha, accumulate: addend !== undefined && !separate ? 1 : 0 },
      [n / WHOLE_TILE, m / WHOLE_TILE],
    );
    return;
  }
  const tile = simtTile(tuned) ?? chooseTile(m, n, largeTiles(limits));
  const split = (rows: number, sizes: readonly number[]) => rowRanges("matmul", rows, sizes, limits.maxBindingBytes);
  const whole = (count: number) => [{ start: 0, count }];

  const depthRows = [...(transposeA ? [rowBytes(a)] : []), ...(transposeB ? [] : [rowBytes(b)])];
  const rowParts = split(m, transposeA ? [rowBytes(y)] : [rowBytes(y), rowBytes(a)]);
  const columnParts = transposeB ? split(n, [rowBytes(b)]) : whole(n);
  const depthParts = depthRows.length > 0 && k > 0 ? split(k, depthRows) : whole(k);

  for (const rows of rowParts) {
    for (const columns of columnParts) {
      depthParts.forEach((depth, index) => {
        const separateAddend = index === 0 && addend !== undefined && addend.storage !== y.storage;
        const accumulate = index > 0 || addend?.storage === y.storage;
        const partOfA = transposeA ? rowsOf(a, depth.start, depth.count) : rowsOf(a, rows.start, rows.count);
        const partOfB = transposeB ? rowsOf(b, columns.start, columns.count) : rowsOf(b, depth.start, depth.count);
        emitter.dispatch(
          matmulKernel({ tile, transposeA, transposeB, a: elementOf(a), b: elementOf(b), y: elementOf(y), addend: separateAddend }),
          {
            a: partOfA,
            b: partOfB,
            y: rowsOf(y, rows.start, rows.count),
            ...(separateAddend ? { addend: rowsOf(addend, rows.start, rows.count) } : {}),
          },
          {
            m: rows.count,
            n: columns.count,
            k: depth.count,
            aStride,
            bStride,
            yStride,
            aFirst: transposeA ? rows.start : depth.start,
            bFirst: transposeB ? depth.start : columns.start,
            yFirst: columns.start,
            alpha,
            accumulate: accumulate ? 1 : 0,
          },
          [Math.ceil(columns.count / tile.tileN), Math.ceil(rows.count / tile.tileM)],
        );
      });
    }
  }
}

function elementOf({ dtype }: Operand): "f32" | "f16" {
  return dtype === "f16" ? "f16" : "f32";
}
