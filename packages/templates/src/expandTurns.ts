import type { PromptTemplate, RenderOptions } from "./promptTemplate.ts";
import type { Conversation, Segment } from "./segment.ts";

/**
 * One row a supervised turn, for templates that rewrite history: Qwen3 drops the thoughts of earlier answers, so that
 * an answer in the middle of a conversation is never rendered as the model would have written it.
 * A conversation that the template renders the same turn by turn comes back as it is.
 * In each row made, only the last answer is supervised: earlier ones say `train: false` and `supervisedMessage` is its index.
 */
export function expandTurns(template: PromptTemplate, conversation: Conversation, options: RenderOptions = {}): readonly Conversation[] {
  if (isPrefixStable(template, conversation, options)) return [conversation];
  return answersOf(conversation)
    .filter((index) => conversation.messages[index]!.train !== false)
    .map((index) => ({
      ...conversation,
      messages: conversation.messages
        .slice(0, index + 1)
        .map((message, i) => (message.role === "assistant" && i < index ? { ...message, train: false } : message)),
      supervisedMessage: index,
    }));
}

/** Whether every answer stands in the whole rendering exactly as it does in the rendering that ends with it. */
export function isPrefixStable(template: PromptTemplate, conversation: Conversation, options: RenderOptions = {}): boolean {
  const answers = answersOf(conversation);
  if (answers.length < 2) return true;
  const whole = textUpTo(template.render(conversation, options).segments, null);
  return answers
    .filter((index) => index < conversation.messages.length - 1)
    .every((index) => {
      const upTo = { ...conversation, messages: conversation.messages.slice(0, index + 1) };
      return whole.startsWith(textUpTo(template.render(upTo, options).segments, index));
    });
}

const answersOf = ({ messages }: Conversation): number[] => messages.flatMap(({ role }, i) => (role === "assistant" ? [i] : []));

/** The text up to the end of message `last`'s turn; all of it for null. */
function textUpTo(segments: readonly Segment[], last: number | null): string {
  const end = last === null ? segments.length : segments.findLastIndex(({ message }) => message === last) + 1;
  return segments
    .slice(0, end)
    .map(({ text }) => text)
    .join("");
}
