import type { Segment } from "@sft/templates";
import { atRow, MaskError } from "./maskError.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import type { ControlTokenPolicy, TokenOffsets } from "./tokenOffsets.ts";
import { appendJoined, appendSegment, createTokenTable, type TokenTable } from "./tokenTable.ts";

/**
 * Each segment encoded by itself: a token never crosses the border of two segments, so the prompt's ids in training
 * are the prompt's ids in use, and text of a record cannot complete a control token of the template.
 * One exception keeps that promise where a chat template writes an answer's header in pieces ("<|im_start|>", the role, a newline)
 * but asks for an answer with one string: the pieces of such a header are encoded as one string too.
 */
export function encodeSegments(
  segments: readonly Segment[],
  tokenizer: MaskTokenizer,
  control: ControlTokenPolicy,
  row?: number,
): TokenTable {
  const table = createTokenTable(segments);
  for (let s = 0; s < segments.length; s++) {
    const segment = segments[s];
    if (segment.text === "") continue;
    const end = answerHeaderEnd(segments, s);
    if (end > s + 1) {
      appendJoined(table, s, end - 1, tokenizer.encode(joinText(segments, s, end), { addSpecialTokens: false }));
      s = end - 1;
    } else if (segment.kind === "content") {
      appendSegment(table, s, encodeContentOf(segment, tokenizer, control, row));
    } else {
      appendSegment(table, s, tokenizer.encode(segment.text, { addSpecialTokens: false }));
    }
  }
  return table;
}

/** End of the run of pieces, from `start`, that make the header of one answer; `start` where there is none. */
function answerHeaderEnd(segments: readonly Segment[], start: number): number {
  let end = start;
  while (end < segments.length && isAnswerHeader(segments[end]) && segments[end].message === segments[start].message) end++;
  return end;
}

/** The only record text in a header is the role, which is "assistant" here. */
function isAnswerHeader({ part, role, kind, field }: Segment): boolean {
  return part === "header" && role === "assistant" && (kind !== "content" || field === "role");
}

/** The text of segments [from, to). */
export function joinText(segments: readonly Segment[], from: number, to: number): string {
  let text = "";
  for (let s = from; s < to; s++) text += segments[s].text;
  return text;
}

/** Encodes a content segment and says in an error which row, message and field the text is from. */
export function encodeContentOf(segment: Segment, tokenizer: MaskTokenizer, control: ControlTokenPolicy, row?: number): TokenOffsets {
  try {
    return tokenizer.encodeContent(segment.text, control);
  } catch (cause) {
    throw explainContentError(cause, segment, row);
  }
}

function explainContentError(cause: unknown, segment: Segment, row: number | undefined): MaskError {
  const { code, offset } = cause as { code?: unknown; offset?: unknown };
  const isControl = code === "control-token-in-content";
  const character = segment.fieldStart + (typeof offset === "number" ? offset : 0);
  const where = `${atRow(row)}message ${segment.message ?? "-"}, ${segment.field ?? "content"}, character ${character}`;
  const error = new MaskError(
    isControl ? "control-token-in-content" : "content-not-encoded",
    `${where}: ${cause instanceof Error ? cause.message : String(cause)}`,
    isControl ? 'Clean the row, or keep such text as plain text with control: "literal".' : "Look at the row's text there.",
    { row, message: segment.message, field: segment.field, character },
  );
  error.cause = cause;
  return error;
}
