import { splitControlText } from "../controlText.ts";
import { reasoningRange } from "../reasoningRange.ts";
import type { Run } from "./markedText.ts";
import type { Stretch } from "./turnStretches.ts";

/** UTF-16 offsets in a turn's text: header [0, body), body [body, terminator), terminator [terminator, after), then the rest. */
export interface TurnParts {
  readonly body: number;
  readonly terminator: number;
  readonly after: number;
  /** The model's own thoughts, tags and all; empty range if there are none. */
  readonly reasoning: readonly [number, number];
}

/** What a template is known to write around an answer (see templateProbe.ts). */
export interface AnswerMarkup {
  /** Text that opens an assistant turn; null if the template does not say. */
  readonly opening: string | null;
  /** Text that ends one; null if there is none. */
  readonly terminator: string | null;
}

/** A block of thoughts with nothing in it, written so that the model does not think. */
const emptyThoughts = /^\s*<think>\s*<\/think>\s*/;

/** Finds the four parts of one turn. */
export function turnParts({ turn, marked }: Stretch, role: string, markup: AnswerMarkup, controlTokens: readonly string[]): TurnParts {
  const { text } = marked;
  const ranges = runRanges(marked.runs);
  const isAssistant = role === "assistant";
  const own = ranges.filter(
    ({ run }) => run.origin !== null && run.origin.field !== "role" && (!isAssistant || run.origin.message === turn),
  );
  const generation = isAssistant ? ranges.filter(({ run }) => run.generation) : [];
  const lastOwn = own.at(-1)?.end ?? null;

  let body = own[0]?.start ?? null;
  // The record's words never count as what opens a turn, whatever they say.
  const lead = text.slice(0, ranges.find(({ run }) => run.origin !== null)?.start);
  const opening = isAssistant && markup.opening !== null ? sharedOpening(lead, markup.opening) : null;
  if (generation.length > 0) body = generation[0]!.start;
  else if (opening !== null) body = opening + (emptyThoughts.exec(lead.slice(opening))?.[0].length ?? 0);

  const searchFrom = Math.max(lastOwn ?? body ?? 0, body ?? 0);
  const ending = findEnding(text.slice(searchFrom), isAssistant, markup.terminator, controlTokens, body === null);
  const terminator = searchFrom + ending.start;
  body = Math.min(body ?? terminator, terminator);
  const [from, to] = isAssistant ? reasoningRange(text.slice(body, terminator)) : [0, 0];
  return { body, terminator, after: searchFrom + ending.end, reasoning: [body + from, body + to] };
}

/**
 * How much of a turn's start is the template's opening. Where a turn goes on otherwise (a generation prompt may open
 * thoughts that earlier answers do not have), what they share up to the end of a line or of a control token.
 */
function sharedOpening(text: string, opening: string): number | null {
  if (text.startsWith(opening)) return opening.length;
  let shared = 0;
  while (shared < opening.length && text[shared] === opening[shared]) shared++;
  const borders: number[] = [];
  let position = 0;
  for (const run of splitControlText(opening)) {
    position += run.text.length;
    if (run.control) borders.push(position);
  }
  const line = opening.lastIndexOf("\n", shared - 1) + 1;
  const border = Math.max(line, ...borders.filter((end) => end <= shared));
  return border > 0 ? border : null;
}

function runRanges(runs: readonly Run[]): { run: Run; start: number; end: number }[] {
  let position = 0;
  return runs.map((run) => ({ run, start: position, end: (position += run.length) }));
}

/** The terminator in the text behind a turn's last words, as a range of that text. */
function findEnding(
  tail: string,
  isAssistant: boolean,
  known: string | null,
  controlTokens: readonly string[],
  hasHeader: boolean,
): { start: number; end: number } {
  const trimmed = tail.trimEnd().length;
  if (isAssistant && known) {
    const at = tail.lastIndexOf(known);
    if (at >= 0) return { start: at, end: at + known.length };
  }
  const runs = splitControlText(tail.slice(0, trimmed), controlTokens);
  const last = runs.at(-1);
  // An answer's tail may end a tool call before it ends the turn; another's words end where their text does.
  if (!isAssistant && !hasHeader) return { start: 0, end: trimmed };
  if (last?.control && (runs.length > 1 || !hasHeader)) return { start: trimmed - last.text.length, end: trimmed };
  return { start: trimmed, end: trimmed };
}
