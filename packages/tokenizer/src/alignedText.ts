/**
 * A stretch of text on its way to the model, with the place in the original text that each UTF-16 unit comes from.
 *
 * Where nothing has changed the length, `starts` and `ends` are null and unit i comes from `base + i`.
 * The two halves of a surrogate pair always share one range, so ranges never cut a code point.
 */
export interface AlignedText {
  readonly text: string;
  /** Offset in the original text of the first unit. */
  readonly base: number;
  /** (text.length) first original unit of each unit, or null for identity. */
  readonly starts: Int32Array | null;
  /** (text.length) end, exclusive, of the original range of each unit, or null for identity. */
  readonly ends: Int32Array | null;
}

export function untouchedText(text: string, base: number): AlignedText {
  return { text, base, starts: null, ends: null };
}

/** First original unit behind the unit at `index`. */
export function originalStart(piece: AlignedText, index: number): number {
  return piece.starts === null ? piece.base + index : piece.starts[index];
}

/** End of the original range behind the units before `end` (which must be at least 1). */
export function originalEnd(piece: AlignedText, end: number): number {
  return piece.ends === null ? piece.base + end : piece.ends[end - 1];
}

export function sliceText(piece: AlignedText, start: number, end: number): AlignedText {
  if (start === 0 && end === piece.text.length) return piece;
  const text = piece.text.slice(start, end);
  if (piece.starts === null || piece.ends === null) return { text, base: piece.base + start, starts: null, ends: null };
  const base = start < piece.text.length ? piece.starts[start] : piece.base;
  return { text, base, starts: piece.starts.subarray(start, end), ends: piece.ends.subarray(start, end) };
}

/** Collects the code points of a new text together with what each of them replaces. */
export class Rewrite {
  private readonly source: AlignedText;
  private cursor: number;
  private readonly parts: string[] = [];
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  constructor(source: AlignedText) {
    this.source = source;
    this.cursor = 0;
  }

  /** Drops the next `codePoints` code points of the source. */
  skip(codePoints: number): void {
    for (let n = 0; n < codePoints; n++) this.cursor += codePointLength(this.source.text, this.cursor);
  }

  /**
   * Appends one code point. `change` counts as in the Rust library: 0 replaces the next code point of the source,
   * 1 is new and shares the place of the unit before the cursor, -n replaces one and swallows n more.
   * The range is that of the first code point replaced.
   */
  push(codePoint: string, change: number): void {
    const { source } = this;
    let start: number;
    let end: number;
    if (change > 0) {
      start = this.cursor < 1 ? source.base : originalStartOfPoint(source, this.cursor - 1);
      end = this.cursor < 1 ? source.base : originalEnd(source, this.cursor);
    } else {
      const length = codePointLength(source.text, this.cursor);
      start = originalStart(source, this.cursor);
      end = originalEnd(source, this.cursor + length);
      this.cursor += length;
      this.skip(-change);
    }
    this.parts.push(codePoint);
    for (let unit = 0; unit < codePoint.length; unit++) {
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  finish(): AlignedText {
    return { text: this.parts.join(""), base: this.source.base, starts: Int32Array.from(this.starts), ends: Int32Array.from(this.ends) };
  }
}

/** Puts `prefix` before the text; it shares the place of the first code point. Empty text stays empty. */
export function prependText(piece: AlignedText, prefix: string): AlignedText {
  const { text } = piece;
  if (text === "" || prefix === "") return piece;
  const first = codePointLength(text, 0);
  const starts = new Int32Array(prefix.length + text.length);
  const ends = new Int32Array(prefix.length + text.length);
  starts.fill(originalStart(piece, 0), 0, prefix.length);
  ends.fill(originalEnd(piece, first), 0, prefix.length);
  copyAlignment(piece, 0, text.length, starts, ends, prefix.length);
  return { text: prefix + text, base: piece.base, starts, ends };
}

/** Replaces each [start, end) of `matches` by `content`, which takes the place of the last code point matched. */
export function replaceRanges(piece: AlignedText, matches: readonly (readonly [number, number])[], content: string): AlignedText {
  if (matches.length === 0) return piece;
  const { text } = piece;
  const sameShape = piece.starts === null && content.length === 1 && matches.every(([start, end]) => end - start === 1);
  const parts: string[] = [];
  let length = text.length;
  for (const [start, end] of matches) length += content.length - (end - start);
  const starts = sameShape ? null : new Int32Array(length);
  const ends = sameShape ? null : new Int32Array(length);
  let from = 0;
  let to = 0;
  for (const [start, end] of matches) {
    parts.push(text.slice(from, start), content);
    if (starts !== null && ends !== null) {
      copyAlignment(piece, from, start, starts, ends, to);
      to += start - from;
      starts.fill(end < 1 ? piece.base : originalStartOfPoint(piece, end - 1), to, to + content.length);
      ends.fill(end < 1 ? piece.base : originalEnd(piece, end), to, to + content.length);
      to += content.length;
    }
    from = end;
  }
  parts.push(text.slice(from));
  if (starts !== null && ends !== null) copyAlignment(piece, from, text.length, starts, ends, to);
  return { text: parts.join(""), base: piece.base, starts, ends };
}

/** Copies the ranges of units [from, to); a surrogate pair of untouched text gets the range of the whole pair. */
function copyAlignment(piece: AlignedText, from: number, to: number, starts: Int32Array, ends: Int32Array, target: number): void {
  if (piece.starts !== null && piece.ends !== null) {
    starts.set(piece.starts.subarray(from, to), target);
    ends.set(piece.ends.subarray(from, to), target);
    return;
  }
  for (let at = from; at < to;) {
    const length = codePointLength(piece.text, at);
    for (let unit = 0; unit < length; unit++) {
      starts[target] = piece.base + at;
      ends[target++] = piece.base + at + length;
    }
    at += length;
  }
}

function originalStartOfPoint(piece: AlignedText, lastUnit: number): number {
  const isLow = lastUnit > 0 && (piece.text.charCodeAt(lastUnit) & 0xfc00) === 0xdc00;
  return originalStart(piece, isLow ? lastUnit - 1 : lastUnit);
}

/** UTF-16 units of the code point at `index`: 1 or 2. Text is well formed here: a high half is always followed by a low one. */
export function codePointLength(text: string, index: number): number {
  return (text.charCodeAt(index) & 0xfc00) === 0xd800 ? 2 : 1;
}
