import type { Budget } from "./budget.ts";
import { codePointLength } from "./codePoints.ts";
import { concat, literal, type MarkedText, sliceMarked } from "./markedText.ts";
import { numberIn, Text, type Value, wantText } from "./value.ts";

type Layout = (self: MarkedText, args: readonly Value[], keyword: ReadonlyMap<string, Value>, budget: Budget) => Value;

/** Methods of `str` that fill a text up to a width, counted in code points. */
export const layouts: Readonly<Record<"ljust" | "rjust" | "center" | "zfill" | "expandtabs", Layout>> = {
  ljust: (self, [width, fill], _keyword, budget) => filled(self, width, fill, (blank) => [0, blank], budget),
  rjust: (self, [width, fill], _keyword, budget) => filled(self, width, fill, (blank) => [blank, 0], budget),
  // CPython puts the odd blank to the left where the width is odd.
  center: (self, [width, fill], _keyword, budget) =>
    filled(
      self,
      width,
      fill,
      (blank, total) => [Math.floor(blank / 2) + (blank & total & 1), Math.ceil(blank / 2) - (blank & total & 1)],
      budget,
    ),
  zfill: (self, [width], _keyword, budget) => {
    const sign = /^[-+]?/.exec(self.text)![0].length;
    const zeros = blanks(self, width, budget);
    return new Text(concat([sliceMarked(self, 0, sign), literal("0".repeat(zeros)), sliceMarked(self, sign)]));
  },
  expandtabs: (self, args, keyword, budget) => {
    const size = numberIn(args[0] ?? keyword.get("tabsize") ?? 8) ?? 8;
    budget.characters(self.text.length * Math.max(1, size));
    const pieces: MarkedText[] = [];
    let [position, column] = [0, 0];
    for (const { 0: mark, index } of self.text.matchAll(/[\t\n\r]/g)) {
      const piece = sliceMarked(self, position, index);
      pieces.push(piece);
      position = index + 1;
      column += codePointLength(piece.text);
      if (mark === "\t") {
        const width = size > 0 ? size - (column % size) : 0;
        pieces.push(literal(" ".repeat(width)));
        column += width;
      } else {
        pieces.push(sliceMarked(self, index, index + 1));
        column = 0;
      }
    }
    return new Text(budget.made(concat([...pieces, sliceMarked(self, position)])));
  },
};

function blanks(self: MarkedText, width: Value, budget: Budget): number {
  const blank = Math.max(0, (numberIn(width) ?? 0) - codePointLength(self.text));
  budget.characters(self.text.length + blank);
  return blank;
}

function filled(
  self: MarkedText,
  width: Value,
  fill: Value,
  sides: (blank: number, width: number) => readonly [number, number],
  budget: Budget,
): Value {
  const by = fill == null ? " " : wantText(fill).text;
  const [left, right] = sides(blanks(self, width, budget), numberIn(width) ?? 0);
  return new Text(concat([literal(by.repeat(left)), self, literal(by.repeat(right))]));
}
