import type { Segment } from "@sft/templates";
import type { TokenOffsets } from "./tokenOffsets.ts";
import type { ExampleWarning } from "./example.ts";

/** The tokens of a rendering, each with the segment that owns it and its character range in that segment's text. */
export interface TokenTable {
  readonly segments: readonly Segment[];
  readonly ids: number[];
  /** Index into `segments`, never falling from one token to the next. */
  readonly owner: number[];
  /** UTF-16 range in the owner's text. */
  readonly from: number[];
  readonly to: number[];
  /** Last segment that a token reaches into where that is not its owner (joint encoding only). */
  readonly reachesInto: Map<number, number>;
  readonly warnings: ExampleWarning[];
}

export function createTokenTable(segments: readonly Segment[]): TokenTable {
  return { segments, ids: [], owner: [], from: [], to: [], reachesInto: new Map(), warnings: [] };
}

/** Appends the encoding of one whole segment. */
export function appendSegment(table: TokenTable, owner: number, encoding: TokenOffsets): void {
  const { ids, offsets } = encoding;
  for (let i = 0; i < ids.length; i++) {
    table.ids.push(ids[i]);
    table.owner.push(owner);
    table.from.push(offsets[2 * i]);
    table.to.push(offsets[2 * i + 1]);
  }
}

/** Appends the encoding of the joined text of segments `first` .. `last` (inclusive); a token belongs to the segment in which it starts. */
export function appendJoined(table: TokenTable, first: number, last: number, encoding: TokenOffsets): void {
  const { ids, offsets } = encoding;
  const starts: number[] = [];
  let length = 0;
  for (let s = first; s <= last; s++) {
    starts.push(length);
    length += table.segments[s].text.length;
  }
  const endOf = (s: number): number => (s === last ? length : starts[s - first + 1]);
  let owner = first;
  for (let i = 0; i < ids.length; i++) {
    const start = offsets[2 * i];
    const end = Math.max(start, offsets[2 * i + 1]);
    while (owner < last && start >= endOf(owner)) owner++;
    let reach = owner;
    while (reach < last && end > endOf(reach)) reach++;
    if (reach !== owner) table.reachesInto.set(table.ids.length, reach);
    const base = starts[owner - first];
    table.ids.push(ids[i]);
    table.owner.push(owner);
    table.from.push(Math.max(0, start - base));
    table.to.push(Math.max(0, Math.min(end, endOf(owner)) - base));
  }
}

/** Removes `count` tokens at `at`. */
export function removeTokens(table: TokenTable, at: number, count: number): void {
  for (const column of [table.ids, table.owner, table.from, table.to]) column.splice(at, count);
  const moved = [...table.reachesInto].filter(([token]) => token < at || token >= at + count);
  table.reachesInto.clear();
  for (const [token, reach] of moved) table.reachesInto.set(token < at ? token : token - count, reach);
}
