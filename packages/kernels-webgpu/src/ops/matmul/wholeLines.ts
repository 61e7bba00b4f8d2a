import type { MatrixUnitTile } from "./matrixUnitTile.ts";
import { stagedBlock, type StagedBlock, type StagedBlockOptions } from "./stagedBlock.ts";

/** Elements of float16 in a line of the cache, two steps of the depth. */
export const LINE = 64;
/** vec4u of such a line, and of the half that a step needs. */
const PIECES = 8;
const HALF = PIECES / 2;
/** Elements of y a subgroup from which on lines are used. With 64 x 64 they save up to a tenth on an H100; with 64 x 48 they cost 2 to 6 %. */
const LARGE_PART = 64 * 64;

/** What decides whether a product's operands come by whole lines. */
interface LineUse {
  readonly tile: MatrixUnitTile;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly a: "f32" | "f16";
  readonly b: "f32" | "f16";
}

/** Whether an operand of this product is in float16 with its depth contiguous, and all steps come in pairs that make up lines. */
export function suitsWholeLines({ tile, transposeA, transposeB, a, b }: LineUse, k: number): boolean {
  return (
    k % LINE === 0 &&
    2 * tile.tileK === LINE &&
    tile.subgroupM * tile.subgroupN >= LARGE_PART &&
    ((!transposeA && a === "f16") || (transposeB && b === "f16"))
  );
}

/** An operand's block, by whole lines where that is wanted and it is in float16 with its depth contiguous. */
export function stagedOperand(wholeLines: boolean, options: StagedBlockOptions): StagedBlock {
  return wholeLines && options.type === "f16" && options.depthIsContiguous ? stagedLines(options) : stagedBlock(options);
}

/**
 * A block of a float16 operand whose depth is contiguous, fetched for two steps of 32 at once: a fetch costs by its lines, and half a
 * line of 128 bytes costs as much as a whole one. Staged it lies as `stagedBlock` lays it out, line i beside line i + lines / 2. Eight
 * lanes fetch line i, and line i + lines / 2 with its halves the other way round, so that each lane has 16 bytes for either step and
 * a select fills whole rows of workgroup memory. With a second buffer, line i + lines / 2 is its line i.
 */
function stagedLines(options: StagedBlockOptions): StagedBlock {
  const { name, beside, side, stride, threads, offset } = options;
  const block = stagedBlock(options);
  const { pitch } = block;
  const rows = block.size / pitch;
  const roundRows = threads / PIECES;
  if (rows * 2 !== options.extent || rows % roundRows !== 0) throw new RangeError(`no whole lines for a block of ${options.extent}`);
  const rounds = rows / roundRows;
  const first = side === "rows" ? "firstRow" : "firstColumn";
  const each = (line: (round: number) => string): string => Array.from({ length: rounds }, (_, round) => line(round)).join("\n");
  const next = (round: number): string => ` + ${(round * roundRows * stride) / PIECES}u`;
  const below = (round: number): string => ` + ${round * roundRows * pitch}u`;
  const at = `((${first} + ${name}Row) * ${stride}u + depth) / ${PIECES}u + ${name}Piece`;
  return {
    ...block,
    start: `  ${name}At = ${at};`,
    setup: `  let ${name}Row = lane / ${PIECES}u;
  let ${name}Piece = lane % ${PIECES}u;
  let ${name}OwnFirst = ${name}Piece < ${HALF}u;
  var ${name}At = ${at};
  let ${name}Across = ${beside === undefined ? (rows * stride) / PIECES : 0}u + (${name}Piece ^ ${HALF}u) - ${name}Piece;
  let ${name}To = ${offset}u + ${name}Row * ${pitch}u + ${name}Piece;
  let ${name}SecondTo = ${offset}u + ${name}Row * ${pitch}u + (${name}Piece ^ ${HALF}u);
${each((round) => `  var ${name}Own${round} = vec4u(); var ${name}Other${round} = vec4u(); var ${name}Second${round} = vec4u();`)}`,
    fetch: `    let ${name}OtherAt = ${name}At + ${name}Across;
${each((round) => `    ${name}Own${round} = ${name}[${name}At${next(round)}]; ${name}Other${round} = ${beside ?? name}[${name}OtherAt${next(round)}];`)}
    ${name}At += ${PIECES}u;`,
    // The second step's part moves to registers of its own, so that a fetch finds the others free.
    store: each(
      (round) => `    staged[${name}To${below(round)}] = select(${name}Other${round}, ${name}Own${round}, ${name}OwnFirst);
    ${name}Second${round} = select(${name}Own${round}, ${name}Other${round}, ${name}OwnFirst);`,
    ),
    storeSecond: each((round) => `    staged[${name}SecondTo${below(round)}] = ${name}Second${round};`),
  };
}
