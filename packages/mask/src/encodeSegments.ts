import type { Segment } from "@sft/templates";
import { atRow, MaskError } from "./maskError.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import type { ControlTokenPolicy, TokenOffsets } from "./tokenOffsets.ts";
import { appendSegment, createTokenTable, type TokenTable } from "./tokenTable.ts";

/**
 * Each segment encoded by itself: a token never crosses the border of two segments, so the prompt's ids in training
 * are the prompt's ids in use, and text of a record cannot complete a control token of the template.
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
    appendSegment(
      table,
      s,
      segment.kind === "content"
        ? encodeContentOf(segment, tokenizer, control, row)
        : tokenizer.encode(segment.text, { addSpecialTokens: false }),
    );
  }
  return table;
}

/** Encodes a content segment and says in an error which row, message and field the text is from. */
export function encodeContentOf(
  segment: Segment,
  tokenizer: MaskTokenizer,
  control: ControlTokenPolicy,
  row?: number,
): TokenOffsets {
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
    isControl ? "Clean the row, or keep such text as plain text with control: \"literal\"." : "Look at the row's text there.",
    { row, message: segment.message, field: segment.field, character },
  );
  error.cause = cause;
  return error;
}
