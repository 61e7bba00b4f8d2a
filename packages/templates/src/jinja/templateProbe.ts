import type { RenderOptions } from "../promptTemplate.ts";
import type { Conversation } from "../segment.ts";
import { TemplateError } from "../templateError.ts";
import type { MarkedText } from "./markedText.ts";
import type { ParsedTemplate } from "./parsedTemplate.ts";
import type { AnswerMarkup } from "./turnParts.ts";

const question = { role: "user", content: "question" } as const;
const answers = [
  { role: "assistant", content: "answer" },
  { role: "assistant", content: "answer", reasoning_content: "thoughts" },
] as const;
const plain = { partsAsList: false, nullAsText: false } as const;
/** Conversations of growing demands; the first that a template accepts tells its markup. */
const openings: readonly Conversation[] = [{ messages: [question] }, { messages: [{ role: "system", content: "system" }, question] }];

/** What a template writes around an answer, found by rendering a small conversation of our own. */
export function probeAnswerMarkup(template: ParsedTemplate, options: RenderOptions): AnswerMarkup {
  for (const { messages } of openings) {
    const closed = attempt(() => template.render({ messages }, options, plain, false));
    const open = attempt(() => template.render({ messages }, options, plain, true));
    const whole = firstOf(answers, (answer) => attempt(() => template.render({ messages: [...messages, answer] }, options, plain, false)));
    if (!whole) continue;
    const opening = closed && open?.text.startsWith(closed.text) ? open.text.slice(closed.text.length) : null;
    return { opening: opening || openingInTurn(whole, messages.length, opening), terminator: textBehind(whole, messages.length) };
  }
  return { opening: null, terminator: null };
}

/** Whether a template reads content that is a list of text parts, and writes their text alone. */
export function readsParts(template: ParsedTemplate, options: RenderOptions): boolean {
  const parts = { ...question, parts: [{ type: "text", text: question.content }] as const };
  const asList = attempt(() => template.render({ messages: [parts] }, options, { partsAsList: true, nullAsText: false }, false));
  const asText = attempt(() => template.render({ messages: [parts] }, options, plain, false));
  return asList !== null && asList.text === asText?.text;
}

/**
 * The opening of a template that asks for no answer: the words before the answer in its own turn ("### Response:\n").
 * A mere blank there is the answer's: its question opened the turn, as Mistral's "[/INST]" does.
 */
function openingInTurn(rendered: MarkedText, index: number, otherwise: string | null): string | null {
  let position = 0;
  let opening = "";
  for (const run of rendered.runs) {
    if (run.origin?.message === index) break;
    if (run.turn === index) opening += rendered.text.slice(position, position + run.length);
    position += run.length;
  }
  return opening.trim() === "" ? otherwise : opening;
}

/** The template's text behind message `index`'s words, white space at its end aside; null if there is none. */
function textBehind(rendered: MarkedText, index: number): string | null {
  let position = 0;
  let end = -1;
  for (const run of rendered.runs) {
    position += run.length;
    if (run.origin?.message === index) end = position;
  }
  const behind = end < 0 ? "" : rendered.text.slice(end).trimEnd();
  return behind === "" ? null : behind;
}

function firstOf<T, R>(items: readonly T[], make: (item: T) => R | null): R | null {
  for (const item of items) {
    const made = make(item);
    if (made !== null) return made;
  }
  return null;
}

function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    // A template that needs too much for a small conversation is given up at once, and not probed further.
    if (error instanceof TemplateError && error.code !== "template-limit") return null;
    throw error;
  }
}
