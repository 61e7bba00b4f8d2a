import { isPythonSpace } from "../pythonWhitespace.ts";
import type { Budget } from "./budget.ts";
import { linesOf } from "./lines.ts";
import { concat, joinMarked, literal, type MarkedText, remade, sliceMarked } from "./markedText.ts";
import { isTrue, JinjaRuntimeError, List, numberIn, Text, Tuple, type Value, wantText } from "./value.ts";

type Split = (self: MarkedText, args: readonly Value[], keyword: ReadonlyMap<string, Value>, budget: Budget) => Value;

/** Methods of `str` that take a text apart. */
export const splits: Readonly<Record<"split" | "rsplit" | "splitlines" | "partition" | "rpartition", Split>> = {
  split: (self, args, keyword, budget) => {
    const separator = args[0] ?? keyword.get("sep");
    const most = numberIn(args[1] ?? keyword.get("maxsplit") ?? -1) ?? -1;
    const pieces =
      separator === undefined || separator === null ? splitAtSpace(self, most) : splitAt(self, wantText(separator).text, most, budget);
    budget.step(pieces.length);
    return new List(pieces.map((piece) => new Text(piece)));
  },
  rsplit: (self, args, keyword, budget) => {
    const separator = args[0] ?? keyword.get("sep");
    const most = numberIn(args[1] ?? keyword.get("maxsplit") ?? -1) ?? -1;
    if (separator === undefined || separator === null) {
      const words = splitAtSpaceFromRight(self, most);
      budget.step(words.length);
      return new List(words.map((word) => new Text(word)));
    }
    const { text } = wantText(separator);
    const pieces = splitAt(self, text, -1, budget);
    const kept =
      most < 0 || pieces.length <= most + 1
        ? pieces
        : [joinMarked(pieces.slice(0, pieces.length - most), separatorOf(self, text)), ...pieces.slice(pieces.length - most)];
    budget.step(kept.length);
    return new List(kept.map((piece) => new Text(piece)));
  },
  splitlines: (self, args, keyword, budget) => {
    const keepEnds = isTrue(args[0] ?? keyword.get("keepends"));
    const lines = linesOf(self);
    // A text that ends in a line end has no line behind it.
    if (lines.at(-1)!.line.text === "") lines.pop();
    budget.step(lines.length);
    return new List(lines.map(({ line, end }) => new Text(keepEnds && end ? concat([line, end]) : line)));
  },
  partition: (self, [separator]) => {
    const { text } = wantText(separator);
    const at = self.text.indexOf(text);
    if (at < 0) return new Tuple([new Text(self), new Text(literal("")), new Text(literal(""))]);
    return new Tuple([
      new Text(sliceMarked(self, 0, at)),
      new Text(sliceMarked(self, at, at + text.length)),
      new Text(sliceMarked(self, at + text.length)),
    ]);
  },
  rpartition: (self, [separator]) => {
    const { text } = wantText(separator);
    const at = self.text.lastIndexOf(text);
    if (at < 0) return new Tuple([new Text(literal("")), new Text(literal("")), new Text(self)]);
    return new Tuple([
      new Text(sliceMarked(self, 0, at)),
      new Text(sliceMarked(self, at, at + text.length)),
      new Text(sliceMarked(self, at + text.length)),
    ]);
  },
};

function splitAt(self: MarkedText, separator: string, most: number, budget: Budget): MarkedText[] {
  if (separator === "") throw new JinjaRuntimeError("empty separator");
  const pieces: MarkedText[] = [];
  let position = 0;
  for (let at = self.text.indexOf(separator); at >= 0 && (most < 0 || pieces.length < most); at = self.text.indexOf(separator, position)) {
    budget.step(4 + (self.runs.length >>> 4));
    pieces.push(sliceMarked(self, position, at));
    position = at + separator.length;
  }
  pieces.push(sliceMarked(self, position));
  return pieces;
}

function splitAtSpace(self: MarkedText, most: number): MarkedText[] {
  const pieces: MarkedText[] = [];
  const { text } = self;
  let position = 0;
  for (;;) {
    while (position < text.length && isPythonSpace(text[position]!)) position++;
    if (position === text.length) return pieces;
    if (most >= 0 && pieces.length === most) return [...pieces, sliceMarked(self, position)];
    const start = position;
    while (position < text.length && !isPythonSpace(text[position]!)) position++;
    pieces.push(sliceMarked(self, start, position));
  }
}

/** `rsplit` at white space: at most `most` words from the right, and what stands before them. */
function splitAtSpaceFromRight(self: MarkedText, most: number): MarkedText[] {
  const pieces: MarkedText[] = [];
  const { text } = self;
  let end = text.length;
  for (;;) {
    while (end > 0 && isPythonSpace(text[end - 1]!)) end--;
    if (end === 0) return pieces.reverse();
    if (most >= 0 && pieces.length === most) return [...pieces, sliceMarked(self, 0, end)].reverse();
    let start = end;
    while (start > 0 && !isPythonSpace(text[start - 1]!)) start--;
    pieces.push(sliceMarked(self, start, end));
    end = start;
  }
}

const separatorOf = (self: MarkedText, text: string): MarkedText => {
  const at = self.text.indexOf(text);
  return at < 0 ? literal(text) : remade(text, sliceMarked(self, at, at + text.length));
};
