/** How a workgroup's subgroups share out one block of a product on matrix units of 16x16x16. */
export interface MatrixUnitTile {
  /** Rows and columns of y that a workgroup computes, and the depth it stages at a time; multiples of 16. */
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  /** Rows and columns of y that a subgroup keeps in registers; multiples of 16 that divide the tile. */
  readonly subgroupM: number;
  readonly subgroupN: number;
}

/** Lanes of a subgroup on the devices whose matrix units are used. */
export const SUBGROUP_SIZE = 32;

const LARGE: MatrixUnitTile = { tileM: 128, tileN: 128, tileK: 32, subgroupM: 64, subgroupN: 64 };
const MIDDLE: MatrixUnitTile = { tileM: 64, tileN: 64, tileK: 32, subgroupM: 32, subgroupN: 32 };
/** For a LoRA rank on one side: memory decides, so the thin side is covered once. */
const FEW_COLUMNS: MatrixUnitTile = { tileM: 64, tileN: 16, tileK: 128, subgroupM: 16, subgroupN: 16 };
const FEW_ROWS: MatrixUnitTile = { tileM: 16, tileN: 64, tileK: 128, subgroupM: 16, subgroupN: 16 };
/** For 192 or 576, which are whole numbers of 96 and not of 128. */
const BY_96_COLUMNS: MatrixUnitTile = { tileM: 128, tileN: 96, tileK: 32, subgroupM: 64, subgroupN: 48 };
const BY_96_ROWS: MatrixUnitTile = { tileM: 96, tileN: 128, tileK: 32, subgroupM: 48, subgroupN: 64 };
/** For 576 where that makes no more rounds of workgroups: it reads less for each product. */
const BY_144_COLUMNS: MatrixUnitTile = { tileM: 128, tileN: 144, tileK: 32, subgroupM: 64, subgroupN: 48 };

/** The tiles by name, as a choice by measurement speaks of them. */
export const matrixUnitTiles: Readonly<Record<string, MatrixUnitTile>> = {
  large: LARGE,
  middle: MIDDLE,
  fewColumns: FEW_COLUMNS,
  fewRows: FEW_ROWS,
  by96Columns: BY_96_COLUMNS,
  by96Rows: BY_96_ROWS,
  by144Columns: BY_144_COLUMNS,
};

/** Workgroups that keep a large GPU busy; below that the depth is split among more of them. */
const BUSY = 264;
/** No part of a split depth is shorter than this. */
const SHORTEST_PART = 512;

/** Most parts that a depth is split into. */
const MOST_PARTS = 16;

/** Tile, and number of parts of the depth, for a product of this shape; for a tile that was chosen already, its parts. */
export function chooseMatrixUnitTile(
  m: number,
  n: number,
  k: number,
  chosen?: MatrixUnitTile,
): { readonly tile: MatrixUnitTile; readonly depthParts: number } {
  const blocks = (tile: MatrixUnitTile): number => Math.ceil(m / tile.tileM) * Math.ceil(n / tile.tileN);
  const partsOf = (tile: MatrixUnitTile): number => {
    const filling = BUSY / blocks(tile);
    // Of the largest tiles two run on a multiprocessor: a few workgroups more would wait for all of these, and take as long again.
    const wanted = tile === LARGE || tile === BY_144_COLUMNS ? Math.floor(filling) : Math.ceil(filling);
    return Math.max(1, Math.min(wanted, Math.floor(k / SHORTEST_PART), MOST_PARTS));
  };
  if (chosen) return { tile: chosen, depthParts: partsOf(chosen) };
  /** Time of all rounds of workgroups, in that of a column for a round. */
  const rounds = (tile: MatrixUnitTile): number => Math.ceil(blocks(tile) / BUSY) * tile.tileN;
  const columns = n % 144 === 0 && rounds(BY_144_COLUMNS) <= rounds(BY_96_COLUMNS) ? BY_144_COLUMNS : BY_96_COLUMNS;
  const large = n % 128 !== 0 && n % 96 === 0 ? columns : m % 128 !== 0 && m % 96 === 0 ? BY_96_ROWS : LARGE;
  const fills = blocks(large) * partsOf(large) >= BUSY / 4;
  const tile = n <= 16 ? FEW_COLUMNS : m <= 16 ? FEW_ROWS : n <= 64 || m <= 64 || !fills ? MIDDLE : large;
  return { tile, depthParts: partsOf(tile) };
}

/** Subgroups of a workgroup. */
export function subgroupsOf(tile: MatrixUnitTile): number {
  return (tile.tileM / tile.subgroupM) * (tile.tileN / tile.subgroupN);
}
