import { type MarkedText, sliceMarked } from "./markedText.ts";

// oxlint-disable-next-line no-control-regex -- control characters are what is meant
const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** Lines and their ends as Python's `splitlines` knows them; what stands behind the last end is a line too, with no end. */
export function linesOf(self: MarkedText): { readonly line: MarkedText; readonly end: MarkedText | null }[] {
  const lines: { line: MarkedText; end: MarkedText | null }[] = [];
  let start = 0;
  for (const { 0: end, index } of self.text.matchAll(lineEnd)) {
    lines.push({ line: sliceMarked(self, start, index), end: sliceMarked(self, index, index + end.length) });
    start = index + end.length;
  }
  lines.push({ line: sliceMarked(self, start), end: null });
  return lines;
}
