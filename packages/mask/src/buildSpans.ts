import type { ExampleSpan } from "./example.ts";
import type { TokenTable } from "./tokenTable.ts";
import type { Verdict } from "./tokenVerdict.ts";

/**
 * Spans over the kept tokens: one for each run of tokens of one segment with one verdict. Texts of a segment's spans
 * follow each other without gaps, so that the spans of an uncut example spell the rendered text.
 */
export function buildSpans(table: TokenTable, verdicts: readonly Verdict[], kept: readonly number[]): ExampleSpan[] {
  const spans: ExampleSpan[] = [];
  let nextSegment = 0;
  for (let start = 0; start < kept.length;) {
    const owner = table.owner[kept[start]];
    const verdict = verdicts[kept[start]];
    let end = start + 1;
    while (
      end < kept.length &&
      kept[end] === kept[end - 1] + 1 &&
      table.owner[kept[end]] === owner &&
      sameVerdict(verdicts[kept[end]], verdict)
    ) {
      end++;
    }
    for (; nextSegment < owner; nextSegment++) addEmpty(nextSegment, start);
    nextSegment = owner + 1;
    const [first, last] = [kept[start], kept[end - 1]];
    // A span reaches to the next token of its segment, so that characters without a token are in one too, unless that token was cut.
    const cutBehind = table.owner[last + 1] === owner && kept[end] !== last + 1;
    const textStart = table.owner[first - 1] === owner ? table.from[first] : 0;
    const textEnd = cutBehind ? table.to[last] : table.owner[last + 1] === owner ? table.from[last + 1] : table.segments[owner].text.length;
    spans.push(describe(owner, start, end, textStart, Math.max(textStart, textEnd), verdict));
    start = end;
  }
  if (kept.length === table.ids.length) for (; nextSegment < table.segments.length; nextSegment++) addEmpty(nextSegment, kept.length);
  return spans;

  /** A segment whose text gave no token of its own still shows its text, unless it was cut away. */
  function addEmpty(owner: number, at: number): void {
    if (table.segments[owner].text === "" || table.owner.includes(owner)) return;
    spans.push(describe(owner, at, at, 0, table.segments[owner].text.length, { weight: 0, reason: "this text has no token of its own" }));
  }

  function describe(owner: number, start: number, end: number, from: number, to: number, verdict: Verdict): ExampleSpan {
    const { text, kind, role, message, field, fieldStart, part } = table.segments[owner];
    return {
      start,
      end,
      kind,
      role,
      message,
      text: text.slice(from, to),
      trained: verdict.weight > 0,
      reason: verdict.reason,
      part,
      field,
      charStart: fieldStart + from,
      charEnd: fieldStart + to,
      weight: verdict.weight,
    };
  }
}

function sameVerdict(a: Verdict, b: Verdict): boolean {
  return a === b || (a.weight === b.weight && a.reason === b.reason);
}
