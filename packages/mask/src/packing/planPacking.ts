import { MaskError } from "../maskError.ts";
import { checkLength } from "../tokenBatch.ts";

/** `bestFit`: longest first, each into the fullest row that has room; `inOrder`: the given order, a new row when the next does not fit; `none`: one a row. */
export type PackingStrategy = "bestFit" | "inOrder" | "none";

/** What becomes of a sequence longer than a row: refused, cut to its first tokens, or cut into several pieces. */
export type PackingOverflow = "error" | "truncate" | "split";

/** Tokens [start, end) of sequence number `index`. */
export interface PackedPiece {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** Settings of {@link planPacking}. */
export interface PackingOptions {
  /** Tokens a row can hold. */
  readonly capacity: number;
  /** Default "bestFit". */
  readonly strategy?: PackingStrategy;
  /** Default "error". */
  readonly overflow?: PackingOverflow;
}

/**
 * Which sequences share a row. A pure function of the lengths: equal lengths keep their order. Empty sequences get no place.
 * Best-fit decreasing as in TRL's "bfd" (overflow "truncate") and "bfd_split" (overflow "split").
 * @throws MaskError "row-too-long" under overflow "error"
 */
export function planPacking(lengths: readonly number[], options: PackingOptions): readonly (readonly PackedPiece[])[] {
  const { capacity, strategy = "bestFit", overflow = "error" } = options;
  checkLength(capacity, "capacity");
  const pieces = lengths.flatMap((length, index) => cutToFit(index, length, capacity, overflow));
  switch (strategy) {
    case "none":
      return pieces.map((piece) => [piece]);
    case "inOrder":
      return fillInOrder(pieces, capacity);
    case "bestFit":
      return fillBestFit(pieces, capacity);
  }
}

function cutToFit(index: number, length: number, capacity: number, overflow: PackingOverflow): PackedPiece[] {
  if (length <= 0) return [];
  if (length <= capacity) return [{ index, start: 0, end: length }];
  if (overflow === "error") {
    throw new MaskError(
      "row-too-long",
      `Example ${index}: expected at most ${capacity} inputs, the capacity of a packed row, got ${length}.`,
      "Truncate examples first (maxLength of encodeRendering is capacity + 1), or choose an overflow.",
      { index, length, capacity },
    );
  }
  if (overflow === "truncate") return [{ index, start: 0, end: capacity }];
  const pieces: PackedPiece[] = [];
  for (let start = 0; start < length; start += capacity) pieces.push({ index, start, end: Math.min(length, start + capacity) });
  return pieces;
}

function fillInOrder(pieces: readonly PackedPiece[], capacity: number): PackedPiece[][] {
  const rows: PackedPiece[][] = [];
  let room = 0;
  for (const piece of pieces) {
    const length = piece.end - piece.start;
    if (length > room) {
      rows.push([]);
      room = capacity;
    }
    rows[rows.length - 1].push(piece);
    room -= length;
  }
  return rows;
}

function fillBestFit(pieces: readonly PackedPiece[], capacity: number): PackedPiece[][] {
  const rows: PackedPiece[][] = [];
  /** Rows by the room that they have left; the oldest row of a room is taken first. */
  const byRoom: number[][] = Array.from({ length: capacity + 1 }, () => []);
  /** Rooms that are in use, so that a search costs no more than the rooms there are. */
  const smallestRoom = createRoomIndex(capacity);
  for (const piece of pieces.toSorted((a, b) => b.end - b.start - (a.end - a.start))) {
    const length = piece.end - piece.start;
    const room = smallestRoom.atLeast(length);
    let row: number;
    if (room === null) row = rows.push([]) - 1;
    else {
      row = byRoom[room].shift() as number;
      if (byRoom[room].length === 0) smallestRoom.remove(room);
    }
    rows[row].push(piece);
    const left = (room ?? capacity) - length;
    if (left === 0) continue;
    if (byRoom[left].length === 0) smallestRoom.add(left);
    byRoom[left].push(row);
  }
  return rows;
}

/** A set of the numbers 1 .. capacity that finds its smallest member of at least n in logarithmic time: a tree of maxima. */
function createRoomIndex(capacity: number): {
  add(room: number): void;
  remove(room: number): void;
  atLeast(room: number): number | null;
} {
  let leaves = 1;
  while (leaves <= capacity) leaves *= 2;
  const used = new Uint8Array(2 * leaves);
  const set = (room: number, value: number): void => {
    let node = leaves + room;
    used[node] = value;
    for (node >>= 1; node > 0; node >>= 1) used[node] = used[2 * node] | used[2 * node + 1];
  };
  return {
    add: (room) => set(room, 1),
    remove: (room) => set(room, 0),
    atLeast(room) {
      let node = leaves + room;
      if (node >= 2 * leaves) return null;
      while (used[node] === 0) {
        while (node % 2 === 1) node >>= 1;
        if (node === 0) return null;
        node++;
      }
      while (node < leaves) node = used[2 * node] ? 2 * node : 2 * node + 1;
      return node - leaves;
    },
  };
}
