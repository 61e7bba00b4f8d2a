import type { Rendering } from "@sft/templates";
import type { DoctorRule, Symptom } from "../finding.ts";

export const prefixUnstable: DoctorRule = {
  id: "prefix-unstable",
  severity: "error",
  description: "A template that renders the history of a turn otherwise once later turns follow.",
  checkRow({ rendering, example }, { render }) {
    if (render === undefined) return [];
    const symptoms: Symptom[] = [];
    const { conversation } = rendering;
    const full = textUpTo(rendering, conversation.messages.length);
    const trained = new Set(example.spans.filter((span) => span.trained && span.part === "body").map((span) => span.message));
    conversation.messages.forEach((message, i) => {
      if (message.role !== "assistant" || !trained.has(i)) return;
      const alone = render({ ...conversation, messages: conversation.messages.slice(0, i + 1) });
      if (full.startsWith(textUpTo(alone, i))) return;
      const span = example.spans.find((candidate) => candidate.message === i);
      symptoms.push({
        tokens: span === undefined ? null : { start: span.start, end: span.end },
        message: `The answer in message ${i} reads otherwise here than where the conversation ends with it: the template rewrites earlier turns.`,
        fix: "Expand the conversation into one row a supervised turn (expandTurns), or train the last turn only.",
      });
    });
    return symptoms;
  },
};

/** The rendered text up to the end of a message's turn; all of it where there is no such message. */
function textUpTo({ segments }: Rendering, message: number): string {
  const last = segments.findLastIndex((segment) => segment.message === message);
  return segments
    .slice(0, last < 0 ? segments.length : last + 1)
    .map((segment) => segment.text)
    .join("");
}
