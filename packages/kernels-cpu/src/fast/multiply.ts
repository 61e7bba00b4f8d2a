import { PANEL_COLUMNS, TILE_ROWS } from "../wasm/gemm.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";

/** A float32 matrix in memory by its first element and strides, all in bytes. */
export interface Matrix {
  readonly address: number;
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
  readonly b: Matrix;
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

/**
 * Blocked matrix product on one thread. An element is the sum over blocks of 512 k, each summed in ascending order, so it
 * does not depend on where a thread's share of y starts or ends.
 */
export function multiply(wasm: WasmFunctions, { m, n, k, alpha, a, b, y, yRow, source, sourceRow }: Product, scratch: number): void {
  if (m <= 0 || n <= 0) return;
  const edge = scratch + K_BLOCK * N_BLOCK * 4;
  for (let j = 0; j < n; j += N_BLOCK) {
    const columns = Math.min(N_BLOCK, n - j);
    const target = y + 4 * j;
    let p = 0;
    do {
      const depth = Math.min(K_BLOCK, k - p);
      wasm.pack(b.address + p * b.row + j * b.column, b.row, b.column, depth, columns, scratch);
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

/** A row-major matrix with `columns` columns, or its transpose. */
export function matrixAt(address: number, columns: number, transposed = false): Matrix {
  return transposed ? { address, row: 4, column: 4 * columns } : { address, row: 4 * columns, column: 4 };
}
