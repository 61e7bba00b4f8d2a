import type { Conversation, Segment, SpanClass, TurnPart } from "../segment.ts";
import { SegmentList, type TurnPlace } from "../segmentList.ts";
import type { Run } from "./markedText.ts";
import { type AnswerMarkup, type TurnParts, turnParts } from "./turnParts.ts";
import type { Stretch } from "./turnStretches.ts";

/** Types the runs of a rendering: kind, role, message and part of each. */
export function toSegments(
  stretches: readonly Stretch[],
  conversation: Conversation,
  markup: AnswerMarkup,
  controlTokens: readonly string[],
): Segment[] {
  const out = new SegmentList(controlTokens);
  for (const stretch of stretches) {
    const role = stretch.turn === null ? null : (conversation.messages[stretch.turn]?.role ?? null);
    const parts = stretch.turn === null ? null : turnParts(stretch, role ?? "", markup, controlTokens);
    const borders = parts ? [parts.body, parts.terminator, parts.after, ...parts.reasoning] : [];
    const runs = cutRuns(stretch.marked.runs, borders);
    runs.forEach(({ run, start, end }, i) => {
      const text = stretch.marked.text.slice(start, end);
      const origin = run.origin;
      const speaker = origin && origin.message !== null ? (conversation.messages[origin.message]?.role ?? role) : role;
      const part: TurnPart = parts ? partAt(parts, start) : origin ? "body" : "outside";
      const spanClass = parts && part === "body" && role === "assistant" ? spanClassAt(runs, i, parts, stretch.turn) : undefined;
      const place: TurnPlace = {
        role: speaker,
        message: origin ? origin.message : stretch.turn,
        part,
        ...(spanClass && { spanClass }),
        ...(run.generation && { generation: true }),
      };
      if (origin) out.content(text, place, origin.field, run.start);
      else if (role === "assistant" && part === "header") out.generationPrompt(text, place);
      else if (role === "assistant" && part === "terminator") out.control(text, place);
      else out.template(text, place);
    });
  }
  return out.segments;
}

interface PlacedRun {
  readonly run: Run;
  readonly start: number;
  readonly end: number;
}

/** The runs with their offsets, cut where a part begins. */
function cutRuns(runs: readonly Run[], borders: readonly number[]): PlacedRun[] {
  const placed: PlacedRun[] = [];
  let position = 0;
  for (const run of runs) {
    const end = position + run.length;
    const cuts = [...new Set(borders.filter((border) => border > position && border < end))].sort((a, b) => a - b);
    let start = position;
    for (const cut of [...cuts, end]) {
      placed.push({ run: { ...run, start: run.origin ? run.start + start - position : 0 }, start, end: cut });
      start = cut;
    }
    position = end;
  }
  return placed;
}

function partAt(parts: TurnParts, offset: number): TurnPart {
  if (offset < parts.body) return "header";
  if (offset < parts.terminator) return "body";
  return offset < parts.after ? "terminator" : "afterTerminator";
}

/** Template text inside an answer is of the class of the words that it stands around. */
function spanClassAt(runs: readonly PlacedRun[], i: number, parts: TurnParts, turn: number | null): SpanClass | undefined {
  const { start, run } = runs[i]!;
  if (start >= parts.reasoning[0] && start < parts.reasoning[1]) return "reasoning";
  const classOf = ({ run: { origin } }: PlacedRun): SpanClass | undefined =>
    origin?.message !== turn
      ? undefined
      : origin.field.startsWith("tool_calls")
        ? "toolCall"
        : origin.field === "reasoning_content"
          ? "reasoning"
          : undefined;
  if (run.origin) return classOf(runs[i]!);
  const inBody = (one: PlacedRun): boolean => one.run.origin !== null && one.start >= parts.body && one.start < parts.terminator;
  const next = runs.slice(i + 1).find(inBody);
  const previous = runs.slice(0, i).findLast(inBody);
  return (next ? classOf(next) : previous && classOf(previous)) === "toolCall" ? "toolCall" : undefined;
}
