import type { Example, ExampleSpan } from "./example.ts";

/** Training state on one side of a difference; null where that side does not have the text. */
export interface MaskState {
  readonly weight: number;
  readonly reason: string;
  /** Token range of the span that holds the text. */
  readonly tokens: { readonly start: number; readonly end: number };
}

/** A run of text whose weight changes between two settings, or that only one of them trains in this place. */
export interface MaskChange {
  readonly message: number | null;
  readonly role: string | null;
  readonly part: ExampleSpan["part"];
  readonly field: string | null;
  readonly text: string;
  readonly before: MaskState | null;
  readonly after: MaskState | null;
}

/**
 * What changes between two encodings of one row, by origin of the text: message, part, field and characters.
 * The two may differ in tokens, template or truncation. Where both train another text in the same place, each is a change; where
 * neither trains it, only its being there counts.
 */
export function diffMasks(before: Pick<Example, "spans">, after: Pick<Example, "spans">): readonly MaskChange[] {
  const left = placeSpans(before.spans);
  const right = placeSpans(after.spans);
  const changes: MaskChange[] = [];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    compare(left.get(key) ?? [], right.get(key) ?? [], changes);
  }
  return changes;
}

interface Placed {
  readonly span: ExampleSpan;
  readonly from: number;
  readonly to: number;
}

/** Spans by origin. Content stands at its characters in the field, template text at its running place in the turn's part. */
function placeSpans(spans: readonly ExampleSpan[]): Map<string, Placed[]> {
  const places = new Map<string, Placed[]>();
  for (const span of spans) {
    const key = JSON.stringify([span.message, span.part, span.field, span.message === null ? span.role : null]);
    const list = places.get(key) ?? [];
    const from = span.kind === "content" ? span.charStart : (list.at(-1)?.to ?? 0);
    list.push({ span, from, to: from + span.text.length });
    places.set(key, list);
  }
  return places;
}

function compare(left: readonly Placed[], right: readonly Placed[], changes: MaskChange[]): void {
  const borders = [...new Set([...left, ...right].flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  for (let i = 0; i + 1 < borders.length; i++) {
    const [from, to] = [borders[i], borders[i + 1]];
    const a = left.find((placed) => placed.from <= from && placed.to >= to);
    const b = right.find((placed) => placed.from <= from && placed.to >= to);
    const shown = b ?? a;
    if (shown === undefined) continue;
    const text = textOf(shown, from, to);
    if (a === undefined || b === undefined || a.span.weight !== b.span.weight) {
      changes.push({ ...originOf(shown), text, before: stateOf(a), after: stateOf(b) });
    } else if (b.span.weight > 0 && textOf(a, from, to) !== text) {
      changes.push({ ...originOf(a), text: textOf(a, from, to), before: stateOf(a), after: null });
      changes.push({ ...originOf(b), text, before: null, after: stateOf(b) });
    }
  }
}

function textOf({ span, from }: Placed, start: number, end: number): string {
  return span.text.slice(start - from, end - from);
}

function originOf({ span: { message, role, part, field } }: Placed): Pick<MaskChange, "message" | "role" | "part" | "field"> {
  return { message, role, part, field };
}

function stateOf(placed: Placed | undefined): MaskState | null {
  if (placed === undefined) return null;
  const { weight, reason, start, end } = placed.span;
  return { weight, reason, tokens: { start, end } };
}
