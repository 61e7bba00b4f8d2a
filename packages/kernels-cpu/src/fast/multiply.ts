import { decodeHalf, type TensorType } from "@sft/kernels";
import type { Operand } from "../kernel.ts";
import { PANEL_COLUMNS, TILE_ROWS } from "../wasm/gemmTile.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";

/** A float32 matrix in memory by its first element and strides, all in bytes. */
export interface Matrix {
  readonly address: number;
  readonly row: number;
  readonly column: number;
}

/** A float16 matrix by its elements from the first on, with strides as if they were float32. */
export interface HalfMatrix {
  readonly half: Uint16Array;
  readonly row: number;
  readonly column: number;
}

/** y[m,n] = alpha a[m,k] b[k,n] + source. Rows or columns of a are contiguous. y and source have contiguous rows; source may be y itself. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly a: Matrix;
  readonly b: Matrix | HalfMatrix;
  readonly y: number;
  readonly yRow: number;
  /** Address of what is added, 0 for nothing. */
  readonly source: number;
  readonly sourceRow: number;
}

/** A block of b is packed at a time: K_BLOCK x N_BLOCK floats, 256 KiB, which stay in the second-level cache. */
const K_BLOCK = 512;
const N_BLOCK = 128;

const EDGE_BYTES = TILE_ROWS * PANEL_COLUMNS * 4;

/** Scratch that `multiply` needs at `scratch`. */
export const MULTIPLY_SCRATCH_BYTES: number = K_BLOCK * N_BLOCK * 4 + EDGE_BYTES;

/** What it needs where b is float16: room to decode a block as well. */
export const HALF_MULTIPLY_SCRATCH_BYTES: number = MULTIPLY_SCRATCH_BYTES + K_BLOCK * N_BLOCK * 4;

export function multiplyScratchBytes(b: TensorType): number {
  return b.dtype === "f16" ? HALF_MULTIPLY_SCRATCH_BYTES : MULTIPLY_SCRATCH_BYTES;
}

let decoded: Float32Array | undefined;

/** Every float16's value by its bits. */
function halfValues(): Float32Array {
  return (decoded ??= Float32Array.from({ length: 65_536 }, (_, bits) => decodeHalf(bits)));
}

/** Decodes a block of a float16 matrix, in the order in which its elements lie, and tells where it is. */
function decodeBlock(
  { half, row, column }: HalfMatrix,
  [firstRow, rows]: readonly [number, number],
  [firstColumn, columns]: readonly [number, number],
  target: Float32Array,
): { readonly row: number; readonly column: number } {
  const values = halfValues();
  const start = (firstRow * row + firstColumn * column) / 4;
  const [lines, length, stride] = column === 4 ? [rows, columns, row / 4] : [columns, rows, column / 4];
  for (let line = 0; line < lines; line++) {
    const [from, to] = [start + line * stride, line * length];
    for (let index = 0; index < length; index++) target[to + index] = values[half[from + index]];
  }
  return column === 4 ? { row: 4 * columns, column: 4 } : { row: 4, column: 4 * rows };
}

/**
 * Blocked matrix product on one thread. An element is the sum over blocks of 512 k, each summed in ascending order, so it
 * does not depend on where a thread's share of y starts or ends.
 */
export function multiply(wasm: WasmFunctions, { m, n, k, alpha, a, b, y, yRow, source, sourceRow }: Product, scratch: number): void {
  if (m <= 0 || n <= 0) return;
  const edge = scratch + K_BLOCK * N_BLOCK * 4;
  const block = scratch + MULTIPLY_SCRATCH_BYTES;
  const room = "half" in b ? new Float32Array(b.half.buffer, block, K_BLOCK * N_BLOCK) : undefined;
  for (let j = 0; j < n; j += N_BLOCK) {
    const columns = Math.min(N_BLOCK, n - j);
    const target = y + 4 * j;
    let p = 0;
    do {
      const depth = Math.min(K_BLOCK, k - p);
      if ("half" in b) {
        const strides = decodeBlock(b, [p, depth], [j, columns], room!);
        wasm.pack(block, strides.row, strides.column, depth, columns, scratch);
      } else wasm.pack(b.address + p * b.row + j * b.column, b.row, b.column, depth, columns, scratch);
      const first = p === 0;
      const from = first ? (source === 0 ? 0 : source + 4 * j) : target;
      wasm.multiplyPanels(
        a.address + p * a.column,
        a.row,
        a.column,
        scratch,
        m,
        columns,
        depth,
        target,
        yRow,
        from,
        first ? sourceRow : yRow,
        alpha,
        edge,
      );
      p += depth;
    } while (p < k);
  }
}

/** A row-major operand with `columns` columns, or its transpose, from its element `first` on. */
export function operandAt({ data, address }: Operand, columns: number, transposed: boolean, first: number = 0): Matrix | HalfMatrix {
  const strides = matrixAt(address + 4 * first, columns, transposed);
  return data instanceof Uint16Array ? { half: data.subarray(first), row: strides.row, column: strides.column } : strides;
}

/** A row-major matrix with `columns` columns, or its transpose. */
export function matrixAt(address: number, columns: number, transposed = false): Matrix {
  return transposed ? { address, row: 4, column: 4 * columns } : { address, row: 4 * columns, column: 4 };
}

/** Rows of scratch are whole cache lines: a multiple of 16 floats. */
export function padded(count: number): number {
  return Math.ceil(count / 16) * 16;
}
