/** How a workgroup's threads share out one block of the product. */
export interface MatmulTile {
  /** Rows and columns of y that a workgroup computes, and the depth it stages at a time. */
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  /** Rows and columns of y that a thread holds in registers; multiples of 4. */
  readonly threadM: number;
  readonly threadN: number;
}

const SQUARE: MatmulTile = { tileM: 64, tileN: 64, tileK: 16, threadM: 4, threadN: 4 };
/** For a few rows or columns: a LoRA rank, a token being generated. */
const FEW_ROWS: MatmulTile = { tileM: 16, tileN: 64, tileK: 16, threadM: 4, threadN: 4 };
const FEW_COLUMNS: MatmulTile = { tileM: 64, tileN: 16, tileK: 16, threadM: 4, threadN: 4 };
/** Twice the arithmetic a load; needs enough blocks to fill the device. */
const LARGE: MatmulTile = { tileM: 128, tileN: 128, tileK: 16, threadM: 8, threadN: 8 };

/** Blocks of the large tile from which on it pays: about one a multiprocessor of a large GPU. */
export const LARGE_FROM_BLOCKS = 96;

/** The tiles by name, as a choice by measurement speaks of them. */
export const simtTiles: Readonly<Record<SimtTileName, MatmulTile>> = {
  square: SQUARE,
  fewRows: FEW_ROWS,
  fewColumns: FEW_COLUMNS,
  large: LARGE,
};
export type SimtTileName = "square" | "fewRows" | "fewColumns" | "large";

/** Tile for a product of this shape. */
export function chooseTile(m: number, n: number, largeTiles: boolean): MatmulTile {
  if (m <= 16) return FEW_ROWS;
  if (n <= 16) return FEW_COLUMNS;
  const largeBlocks = Math.ceil(m / LARGE.tileM) * Math.ceil(n / LARGE.tileN);
  return largeTiles && largeBlocks >= LARGE_FROM_BLOCKS ? LARGE : SQUARE;
}

/** Threads of a workgroup along n and along m. */
export function tileThreads(tile: MatmulTile): readonly [alongN: number, alongM: number] {
  return [tile.tileN / tile.threadN, tile.tileM / tile.threadM];
}
