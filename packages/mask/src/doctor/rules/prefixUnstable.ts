import type { Rendering } from "@sft/templates";
import type { DoctorRule, Symptom } from "../finding.ts";

export const prefixUnstable: DoctorRule = {
  id: "prefix-unstable",
  severity: "error",
  description: "A template that renders the history of a turn otherwise once later turns follow.",
  checkRow({ rendering, example }, { renderPrompt }) {
    if (renderPrompt === undefined) return [];
    const symptoms: Symptom[] = [];
    const { conversation } = rendering;
    const full = textOf(rendering);
    const trained = new Set(example.spans.filter((span) => span.trained && span.part === "body").map((span) => span.message));
    conversation.messages.forEach((message, i) => {
      if (message.role !== "assistant" || !trained.has(i)) return;
      const prompt = textOf(renderPrompt({ ...conversation, messages: conversation.messages.slice(0, i) }));
      if (full.startsWith(prompt)) return;
      const span = example.spans.find((candidate) => candidate.message === i);
      symptoms.push({
        tokens: span === undefined ? null : { start: span.start, end: span.end },
        message: `Message ${i} is trained behind a text that no prompt would be: the template rewrites earlier turns.`,
        fix: "Expand the conversation into one row a supervised turn (expandTurns), or train the last turn only.",
      });
    });
    return symptoms;
  },
};

function textOf({ segments }: Rendering): string {
  return segments.map((segment) => segment.text).join("");
}
