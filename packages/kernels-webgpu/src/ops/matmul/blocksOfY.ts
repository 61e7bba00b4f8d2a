import type { MatrixUnitTile } from "./matrixUnitTile.ts";
import type { StagedBlock } from "./stagedBlock.ts";

/** Rows of blocks that are worked through column by column, so that what they read stays in the cache. */
const BAND = 4;

interface BlocksOptions {
  readonly tile: MatrixUnitTile;
  readonly n: number;
  /** Whether m is a multiple of the tile's. */
  readonly wholeRows: boolean;
  /** Whether a workgroup goes on to further blocks, as many away as there are workgroups. */
  readonly turns: boolean;
  readonly operands: readonly StagedBlock[];
}

/** WGSL around the work on a block of y. */
export interface BlocksOfY {
  /** Where the first block lies: `firstRow`, `firstColumn`, and `ownRow`, `ownColumn` from which on it stores. */
  readonly setup: string;
  /** Before a block's sums: `row` and `column` of the subgroup's part. */
  readonly begin: string;
  /** In a block's last step, before it fetches: moves the operands to the next block; undefined without turns. */
  readonly next: string | undefined;
  /** After the block is stored. */
  readonly end: string;
}

/** A workgroup's blocks of y. After the last of them it fetches the last block of y once more, for nothing. */
export function blocksOfY({ tile: { tileM, tileN }, n, wholeRows, turns, operands }: BlocksOptions): BlocksOfY {
  const across = Math.ceil(n / tileN);
  const place = (block: string, down: string): string => `  let block = ${block};
  let band = block / ${BAND * across}u;
  let inBand = block % ${BAND * across}u;
  let bandRows = min(${BAND}u, ${down} - band * ${BAND}u);`;
  const ownRow = `(band * ${BAND}u + inBand % bandRows) * ${tileM}u`;
  const ownColumn = `inBand / bandRows * ${tileN}u`;
  const firstRow = (own: string): string => (wholeRows ? own : `min(${own}, p.m - ${tileM}u)`);
  const firstColumn = (own: string): string => (n % tileN === 0 ? own : `min(${own}, ${n - tileN}u)`);
  const part = `  let row = firstRow + subgroupRow;
  let column = firstColumn + subgroupColumn;`;
  if (!turns) {
    return {
      setup: `${place(`group.y * ${across}u + group.x`, "groups.y")}
  let ownRow = ${ownRow};
  let ownColumn = ${ownColumn};
  let firstRow = ${firstRow("ownRow")};
  let firstColumn = ${firstColumn("ownColumn")};`,
      begin: part,
      next: undefined,
      end: "",
    };
  }
  const move = `{
${place("min(turn, blocks - 1u)", "down")}
  nextRow = ${ownRow};
  nextColumn = ${ownColumn};
  firstRow = ${firstRow("nextRow")};
  firstColumn = ${firstColumn("nextColumn")};
}`;
  return {
    setup: `  let down = (p.m + ${tileM - 1}u) / ${tileM}u;
  let blocks = down * ${across}u;
  var turn = group.x;
  var nextRow = 0u; var nextColumn = 0u; var firstRow = 0u; var firstColumn = 0u;
${move}`,
    begin: `  loop {
  let ownRow = nextRow;
  let ownColumn = nextColumn;
${part}
  depth = 0u;`,
    next: `turn += groups.x;
${move}
depth = 0u;
${operands.map(({ start }) => start).join("\n")}`,
    end: `  if (turn >= blocks) { break; }
  workgroupBarrier();
  }`,
  };
}
