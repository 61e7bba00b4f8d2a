import { codePointLength } from "./codePoints.ts";
import type { MarkedText } from "./markedText.ts";
import { JinjaRuntimeError, type Value, wantText } from "./value.ts";

type Search = (self: MarkedText, args: readonly Value[]) => number;

/** Methods of `str` that say where a part stands, counted in code points; `start` and `end` bound the search as a slice does. */
export const searches: Readonly<Record<"find" | "rfind" | "index" | "rindex" | "count", Search>> = {
  find: (self, [part, ...range]) => placeOf(self, range, (text) => text.indexOf(wantText(part).text)),
  rfind: (self, [part, ...range]) => placeOf(self, range, (text) => text.lastIndexOf(wantText(part).text)),
  index: (self, args) => found(searches.find(self, args)),
  rindex: (self, args) => found(searches.rfind(self, args)),
  count: (self, [part, ...range]) => {
    const { text } = window(self.text, range);
    const { text: wanted } = wantText(part);
    return wanted === "" ? codePointLength(text) + 1 : text.split(wanted).length - 1;
  },
};

/** The part of a text between two bounds, in code points, and the UTF-16 offset where it begins. */
export function window(text: string, [start, end]: readonly Value[]): { text: string; at: number } {
  if (start == null && end == null) return { text, at: 0 };
  const points = Array.from(text);
  const bound = (value: Value, absent: number): number => {
    if (value == null) return absent;
    if (typeof value !== "number") throw new JinjaRuntimeError("slice indices must be integers or None");
    return Math.min(Math.max(value < 0 ? value + points.length : value, 0), points.length);
  };
  const from = bound(start, 0);
  return { text: points.slice(from, bound(end, points.length)).join(""), at: points.slice(0, from).join("").length };
}

function placeOf(self: MarkedText, range: readonly Value[], search: (text: string) => number): number {
  const { text, at } = window(self.text, range);
  const offset = search(text);
  return offset < 0 ? -1 : codePointLength(self.text.slice(0, at + offset));
}

function found(place: number): number {
  if (place < 0) throw new JinjaRuntimeError("substring not found");
  return place;
}
