import { sliceText, type AlignedText } from "../alignedText.ts";
import { UnknownComponentError } from "../errors.ts";
import type { FindMatches } from "../regex/findMatches.ts";

/** What becomes of the delimiters that a split finds. */
export type SplitBehavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

const BEHAVIORS: readonly SplitBehavior[] = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];

export function readBehavior(value: unknown, path: string): SplitBehavior {
  const found = BEHAVIORS.find((behavior) => behavior === value || behavior.toLowerCase() === value);
  if (found === undefined) throw new UnknownComponentError(`${path}.behavior`, String(value), BEHAVIORS);
  return found;
}

interface Stretch {
  start: number;
  end: number;
  isMatch: boolean;
}

/** Splits a piece at the matches of `find` (or, inverted, at what lies between them). Empty pieces are left out. */
export function splitPiece(piece: AlignedText, find: FindMatches, behavior: SplitBehavior, invert: boolean): AlignedText[] {
  const matches = find(piece.text);
  if (matches.length === 0 && !(behavior === "Removed" && invert)) return [piece];
  if (behavior === "Isolated") return isolate(piece, matches);
  const stretches = toStretches(piece.text.length, matches, invert);
  const pieces: AlignedText[] = [];
  for (const { start, end, isMatch } of join(stretches, behavior)) {
    if (end > start && !(isMatch && behavior === "Removed")) pieces.push(sliceText(piece, start, end));
  }
  return pieces;
}

/** The common case, without the bookkeeping of the others: every match and every gap is a piece. */
function isolate(piece: AlignedText, matches: readonly (readonly [number, number])[]): AlignedText[] {
  const pieces: AlignedText[] = [];
  let from = 0;
  for (const [start, end] of matches) {
    if (start > from) pieces.push(sliceText(piece, from, start));
    if (end > start) pieces.push(sliceText(piece, start, end));
    from = end;
  }
  if (from < piece.text.length) pieces.push(sliceText(piece, from, piece.text.length));
  return pieces;
}

function toStretches(length: number, matches: readonly (readonly [number, number])[], invert: boolean): Stretch[] {
  const stretches: Stretch[] = [];
  let from = 0;
  for (const [start, end] of matches) {
    if (start > from) stretches.push({ start: from, end: start, isMatch: invert });
    stretches.push({ start, end, isMatch: !invert });
    from = end;
  }
  if (from < length) stretches.push({ start: from, end: length, isMatch: invert });
  return stretches;
}

function join(stretches: Stretch[], behavior: SplitBehavior): Stretch[] {
  if (behavior === "Removed") return stretches;
  const joined: Stretch[] = [];
  const backwards = behavior === "MergedWithNext";
  let previousIsMatch = false;
  for (const stretch of backwards ? stretches.toReversed() : stretches) {
    const last = joined.at(-1);
    const joins = behavior === "Contiguous" ? stretch.isMatch === previousIsMatch : stretch.isMatch && !previousIsMatch;
    if (!joins || last === undefined) joined.push({ ...stretch });
    else if (backwards) last.start = stretch.start;
    else last.end = stretch.end;
    previousIsMatch = stretch.isMatch;
  }
  return backwards ? joined.reverse() : joined;
}
