/** A place in the data that rendered characters came from. */
export interface Origin {
  /** Index of the message; null for data outside every message (tool definitions). */
  readonly message: number | null;
  /** Path of the field: "content", "tool_calls.0.function.name". */
  readonly field: string;
}

/** A run of characters with one origin. */
export interface Run {
  readonly length: number;
  /** Null: the template wrote it. */
  readonly origin: Origin | null;
  /** UTF-16 offset in the field of the run's first character. */
  readonly start: number;
  /** Index of the message whose loop pass wrote it; null outside such a loop. */
  readonly turn: number | null;
  /** Inside a `{% generation %}` block. */
  readonly generation: boolean;
}

/** A string that knows where each of its characters came from. Immutable; the runs' lengths add up to the text's. */
export interface MarkedText {
  readonly text: string;
  readonly runs: readonly Run[];
}

const unplaced = { turn: null, generation: false } as const;

/** Text that the template wrote. */
export function literal(text: string): MarkedText {
  return { text, runs: text === "" ? [] : [{ length: text.length, origin: null, start: 0, ...unplaced }] };
}

/** Text that came from the data. */
export function fromData(text: string, origin: Origin, start = 0): MarkedText {
  return { text, runs: text === "" ? [] : [{ length: text.length, origin, start, ...unplaced }] };
}

export function concat(pieces: readonly MarkedText[]): MarkedText {
  const filled = pieces.filter(({ text }) => text !== "");
  if (filled.length <= 1) return filled[0] ?? literal("");
  const runs: Run[] = [];
  for (const piece of filled) {
    for (const run of piece.runs) {
      const last = runs.at(-1);
      if (last && continues(last, run)) runs[runs.length - 1] = { ...last, length: last.length + run.length };
      else runs.push(run);
    }
  }
  return { text: filled.map(({ text }) => text).join(""), runs };
}

function continues(before: Run, after: Run): boolean {
  return (
    before.origin === after.origin &&
    before.turn === after.turn &&
    before.generation === after.generation &&
    (before.origin === null || before.start + before.length === after.start)
  );
}

/** UTF-16 units from `start` to `end`, as `String.prototype.slice` with offsets that are in range. */
export function sliceMarked(marked: MarkedText, start: number, end: number = marked.text.length): MarkedText {
  if (start <= 0 && end >= marked.text.length) return marked;
  const runs: Run[] = [];
  let position = 0;
  for (const run of marked.runs) {
    const from = Math.max(start, position);
    const to = Math.min(end, position + run.length);
    if (from < to) runs.push({ ...run, length: to - from, start: run.origin ? run.start + from - position : 0 });
    position += run.length;
  }
  return { text: marked.text.slice(start, end), runs };
}

/**
 * A new text made from `source` where no character-by-character account can be kept:
 * if any of the source came from the data, all of it counts as data.
 */
export function remade(text: string, source: MarkedText): MarkedText {
  const data = source.runs.find(({ origin }) => origin !== null);
  return data?.origin ? fromData(text, data.origin, data.start) : literal(text);
}

/** Changes of single characters that `mapCharacters` keeps account of; a text with more of them is accounted for as a whole. */
const accountedChanges = 20_000;

/** Changes each code point by itself; `change` returns the replacement of one. */
export function mapCharacters(marked: MarkedText, change: (character: string) => string): MarkedText {
  const changes: { start: number; end: number; by: string }[] = [];
  let position = 0;
  for (const character of marked.text) {
    const by = change(character);
    if (by !== character) changes.push({ start: position, end: position + character.length, by });
    position += character.length;
  }
  if (changes.length === 0) return marked;
  if (changes.length > accountedChanges || marked.runs.length > accountedChanges) {
    const pieces: string[] = [];
    let done = 0;
    for (const { start, end, by } of changes) {
      pieces.push(marked.text.slice(done, start), by);
      done = end;
    }
    return remade(pieces.join("") + marked.text.slice(done), marked);
  }
  const pieces: MarkedText[] = [];
  let done = 0;
  for (const { start, end, by } of changes) {
    pieces.push(sliceMarked(marked, done, start), remade(by, sliceMarked(marked, start, end)));
    done = end;
  }
  pieces.push(sliceMarked(marked, done));
  return concat(pieces);
}

/** The same text, its runs that have no turn yet given one. */
export function inTurn(marked: MarkedText, turn: number): MarkedText {
  return { text: marked.text, runs: marked.runs.map((run) => (run.turn === null ? { ...run, turn } : run)) };
}

/** The same text, marked as written inside a `{% generation %}` block. */
export function asGeneration(marked: MarkedText): MarkedText {
  return { text: marked.text, runs: marked.runs.map((run) => ({ ...run, generation: true })) };
}

/** The pieces in a row, with `separator` between each two. */
export function joinMarked(pieces: readonly MarkedText[], separator: MarkedText): MarkedText {
  return concat(pieces.flatMap((piece, i) => (i === 0 ? [piece] : [separator, piece])));
}
