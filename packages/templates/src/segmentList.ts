import { splitControlText } from "./controlText.ts";
import type { Segment, SegmentKind, SpanClass, TurnPart } from "./segment.ts";

/** Whose turn is being written, and which part of it. */
export interface TurnPlace {
  readonly role: string | null;
  readonly message: number | null;
  readonly part: TurnPart;
  readonly spanClass?: SpanClass;
  /** Inside a `{% generation %}` block. */
  readonly generation?: boolean;
}

/** Segments in the making: drops empty text and joins neighbours that differ in nothing but their text. */
export class SegmentList {
  readonly segments: Segment[] = [];
  readonly #controlTokens: readonly string[];

  constructor(controlTokens: readonly string[] = []) {
    this.#controlTokens = controlTokens;
  }

  /** Template text, split at its control tokens. */
  template(text: string, place: TurnPlace): void {
    for (const run of splitControlText(text, this.#controlTokens)) this.#push(run.text, run.control ? "control" : "literal", place);
  }

  /** Template text that makes the assistant speak; one segment, control tokens and all. */
  generationPrompt(text: string, place: TurnPlace): void {
    this.#push(text, "generationPrompt", place);
  }

  /** Template text that is one control token, whatever its spelling. */
  control(text: string, place: TurnPlace): void {
    this.#push(text, "control", place);
  }

  /** The record's text: `text` is the field's own from `fieldStart` on. */
  content(text: string, place: TurnPlace, field: string, fieldStart = 0): void {
    this.#push(text, "content", place, field, fieldStart);
  }

  #push(text: string, kind: SegmentKind, place: TurnPlace, field: string | null = null, fieldStart = 0): void {
    if (text === "") return;
    const last = this.segments.at(-1);
    const joins =
      last?.kind === kind &&
      (kind === "literal" || kind === "generationPrompt") &&
      last.role === place.role &&
      last.message === place.message &&
      last.part === place.part &&
      last.spanClass === place.spanClass &&
      last.generation === place.generation;
    if (joins) this.segments[this.segments.length - 1] = { ...last, text: last.text + text };
    else this.segments.push({ text, kind, ...place, field, fieldStart });
  }
}
