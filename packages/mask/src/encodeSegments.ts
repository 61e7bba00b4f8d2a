import type { Segment } from "@sft/templates";
import { atRow, MaskError } from "./maskError.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import type { ControlTokenPolicy, TokenOffsets } from "./tokenOffsets.ts";
import { appendJoined, appendSegment, createTokenTable, type TokenTable } from "./tokenTable.ts";

/**
 * Each segment encoded by itself: a token never crosses the border of two segments, so the prompt's ids in training
 * are the prompt's ids in use, and text of a record cannot complete a control token of the template.
 * Two runs of pieces are encoded as one string each, because only the template's code cut them: an answer's header, which is
 * written in pieces ("<|im_start|>", the role, a newline) but asked for as one string, and the text of tools, their calls
 * and their results with the template's words around it.
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
    const continues = goesOn(table, tokenizer);
    const joined = encodeRun(segments, s, tokenizer, control, continues);
    if (joined !== null) {
      appendJoined(table, s, joined.end - 1, joined.encoding);
      s = joined.end - 1;
    } else if (segment.kind === "content") {
      appendSegment(table, s, encodeContentOf(segment, tokenizer, control, row, continues));
    } else {
      appendSegment(table, s, tokenizer.encode(segment.text, { addSpecialTokens: false, continues }));
    }
  }
  return table;
}

/** Text behind a control token starts anew in every tokenizer, as the text behind BOS does. */
function goesOn({ ids }: TokenTable, { isControl }: MaskTokenizer): boolean {
  return ids.length > 0 && !isControl(ids[ids.length - 1]);
}

/** The encoding of the run of pieces that starts at `start`; null where there is none, or where its text hides a control token. */
function encodeRun(
  segments: readonly Segment[],
  start: number,
  tokenizer: MaskTokenizer,
  control: ControlTokenPolicy,
  continues: boolean,
): { readonly end: number; readonly encoding: TokenOffsets } | null {
  const end = Math.max(endOfRun(segments, start, isAnswerHeader), endOfRun(segments, start, isAroundTools));
  const run = segments.slice(start, end);
  const hasTools = run.some(isOfTools);
  if (run.length < 2 || (isAroundTools(segments[start]) && !hasTools)) return null;
  const encoding = tokenizer.encode(joinText(segments, start, end), { addSpecialTokens: false, continues });
  const controlsIn = ({ ids }: TokenOffsets): number[] => [...ids].filter((id) => tokenizer.isControl(id));
  if (control !== "allow" && hasTools) {
    const meant = run.filter(({ kind }) => kind !== "content").flatMap(({ text }) => controlsIn(tokenizer.encode(text)));
    if (String(controlsIn(encoding)) !== String(meant)) return null;
  }
  return { end, encoding };
}

/** End of the run of pieces, from `start`, that belong together; `start` where there is none. */
function endOfRun(segments: readonly Segment[], start: number, belongs: (segment: Segment) => boolean): number {
  const { message, spanClass, generation, part } = segments[start];
  let end = start;
  while (end < segments.length && belongs(segments[end]) && segments[end].message === message) {
    const next = segments[end];
    // Tools stand as a body in text that belongs to no turn; the parts of a tool's own turn are weighed alike.
    const samePart = next.part === part || message === null || next.role === "tool";
    if (!samePart || next.spanClass !== spanClass || next.generation !== generation) break;
    end++;
  }
  return end;
}

/** The only record text in a header is the role, which is "assistant" here. */
function isAnswerHeader({ part, role, kind, field }: Segment): boolean {
  return part === "header" && role === "assistant" && (kind !== "content" || field === "role");
}

/** What a program wrote or will read: descriptions of tools, calls of them ("tool_calls.0.function.name") and their results. */
function isOfTools({ kind, field, role }: Segment): boolean {
  return kind === "content" && (role === "tool" || /^tool(s|_calls)\b/.test(field ?? ""));
}

/** Text of tools, and the template's words that stand around it. */
function isAroundTools(segment: Segment): boolean {
  const { kind, part, role } = segment;
  return isOfTools(segment) || (kind === "literal" && (part === "body" || part === "outside" || role === "tool"));
}

/** The text of segments [from, to). */
export function joinText(segments: readonly Segment[], from: number, to: number): string {
  let text = "";
  for (let s = from; s < to; s++) text += segments[s].text;
  return text;
}

/** Encodes a content segment and says in an error which row, message and field the text is from. */
export function encodeContentOf(
  segment: Segment,
  tokenizer: MaskTokenizer,
  control: ControlTokenPolicy,
  row?: number,
  continues = false,
): TokenOffsets {
  try {
    return tokenizer.encodeContent(segment.text, control, { continues });
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
