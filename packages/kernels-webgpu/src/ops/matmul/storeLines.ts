import { SUBGROUP_SIZE } from "./matrixUnitTile.ts";
import { list, UNIT } from "./multiplications.ts";
import type { ShapedVariant } from "./shapedKernel.ts";

/** Where a lane works in 16 rows of a subgroup's part of y, 16 bytes at a time, round after round. */
interface LineRounds {
  /** Elements in 16 bytes, and such pieces in a row. */
  readonly width: number;
  readonly pieces: number;
  readonly rounds: number;
  /** WGSL of a round; it sees the piece's place in y as `at` and its number as `slot`. */
  place(round: number, work: string): string;
}

function lineRounds({ tile, n, wholeRows, parts, y }: ShapedVariant, i: number): LineRounds {
  const { tileN, subgroupN } = tile;
  const width = y === "f32" ? 4 : 8;
  const pieces = subgroupN / width;
  const conditions = [
    ...((UNIT * pieces) % SUBGROUP_SIZE === 0 ? [] : [`slot < ${UNIT * pieces}u`]),
    ...(wholeRows ? [] : ["r >= ownRow"]),
    ...(n % tileN === 0 ? [] : ["c >= ownColumn"]),
  ];
  return {
    width,
    pieces,
    rounds: Math.ceil((UNIT * pieces) / SUBGROUP_SIZE),
    place: (round, work) => `  {
    let slot = lane % ${SUBGROUP_SIZE}u + ${round * SUBGROUP_SIZE}u;
    let r = row + ${i * UNIT}u + slot / ${pieces}u;
    let c = column + slot % ${pieces}u * ${width}u;
    ${conditions.length === 0 ? "" : `if (${conditions.join(" && ")}) `}{
      let at = (${parts ? `group.z * p.m * ${n}u + ` : ""}r * ${n}u + c) / ${width}u;
      ${work}
    }
  }`,
  };
}

/** What 16 rows are added to, fetched together: no load moves up before the store of another, so that each would be waited for. */
export function fetchAddend(variant: ShapedVariant, i: number): string {
  const { rounds, place } = lineRounds(variant, i);
  const from = variant.addend === "separate" ? "addend" : "y";
  const zero = variant.y === "f32" ? "vec4f()" : "vec4u()";
  return list(rounds, (round) => `  var added${i}_${round} = ${zero};\n${place(round, `added${i}_${round} = ${from}[at];`)}`);
}

/** 16 rows of a subgroup's part of y: scaled, added to, converted, and stored 16 bytes a lane. */
export function storeLines(variant: ShapedVariant, i: number, pitch: number): string {
  const { y, addend } = variant;
  const { width, pieces, rounds, place } = lineRounds(variant, i);
  const plus = (added: string): string => (addend === "none" ? "" : ` + ${added}`);
  const finish = (added: string): string =>
    y === "f32"
      ? `y[at] = p.alpha * bitcast<vec4f>(staged[source])${plus(added)};`
      : `let low = p.alpha * bitcast<vec4f>(staged[source])${plus(`vec4f(unpack2x16float(${added}.x), unpack2x16float(${added}.y))`)};
      let high = p.alpha * bitcast<vec4f>(staged[source + 1u])${plus(`vec4f(unpack2x16float(${added}.z), unpack2x16float(${added}.w))`)};
      y[at] = packed(low, high);`;
  const source = `let source = stash + slot / ${pieces}u * ${pitch}u + slot % ${pieces}u * ${width / 4}u;`;
  return list(rounds, (round) => place(round, `${source}\n      ${finish(`added${i}_${round}`)}`));
}

/**
 * 16 rows of a pair of subgroups' parts of gate and up, which lie in workgroup memory one after the other: both scaled and rounded to
 * float16, and what the second gates. Each subgroup of a pair takes half of the pieces.
 */
export function storeGated(variant: ShapedVariant, i: number, pitch: number): string {
  const { n, wholeRows, tile } = variant;
  const [width, pieces] = [8, tile.subgroupN / 8];
  const rounds = (UNIT * pieces) / 2 / SUBGROUP_SIZE;
  // A compiler leaves out packing what is unpacked at once, which is the rounding: it cannot know that this part's depth is all of it.
  const piece = (name: string): string => {
    const [low, high] = ["", " + 1u"].map((next) => `p.alpha * bitcast<vec4f>(staged[${name}From${next}])`);
    return `let ${name}Piece = packed(${low}, ${high}) ^ vec4u(p.k - p.partDepth);`;
  };
  const half = (name: string, parts: readonly string[]): string =>
    `vec4f(${parts.map((part) => `unpack2x16float(${name}Piece.${part})`).join(", ")})`;
  const gated = (...parts: string[]): string => `f(${half("gate", parts)}) * ${half("up", parts)}`;
  return list(
    rounds,
    (round) => `  {
    let slot = lane % ${SUBGROUP_SIZE}u + ${round * SUBGROUP_SIZE}u + subgroup % 2u * ${rounds * SUBGROUP_SIZE}u;
    let r = row + ${i * UNIT}u + slot / ${pieces}u;
    let gateFrom = (subgroup - subgroup % 2u) * ${UNIT * pitch}u + slot / ${pieces}u * ${pitch}u + slot % ${pieces}u * 2u;
    let upFrom = gateFrom + ${UNIT * pitch}u;
    ${piece("gate")}
    ${piece("up")}
    ${wholeRows ? "" : "if (r >= ownRow) "}{
      let at = (r * ${n}u + ownColumn + slot % ${pieces}u * ${width}u) / ${width}u;
      y[at] = gatePiece;
      yUp[at] = upPiece;
      yGated[at] = packed(${gated("x", "y")}, ${gated("z", "w")});
    }
  }`,
  );
}
