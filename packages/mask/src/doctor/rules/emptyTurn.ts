import type { DoctorRule, Symptom } from "../finding.ts";

export const emptyTurn: DoctorRule = {
  id: "empty-turn",
  severity: "warning",
  description: "A message that says nothing.",
  checkRow({ rendering, example }) {
    const symptoms: Symptom[] = [];
    rendering.conversation.messages.forEach((message, i) => {
      if (message.content.trim() !== "" || message.reasoning_content || message.tool_calls?.length) return;
      const spans = example.spans.filter((span) => span.message === i);
      // A message without spans stands in another row of a conversation that was split.
      if (spans.length === 0 && example.warnings.some(({ code }) => code === "turns-split")) return;
      const trained = spans.some((span) => span.trained);
      symptoms.push({
        severity: trained ? "error" : "warning",
        tokens: spans.length === 0 ? null : { start: spans[0].start, end: spans[spans.length - 1].end },
        message: `Message ${i} (${message.role}) is empty${trained ? ", and the model is trained to say nothing" : ""}.`,
        fix: "Remove the message or the row.",
      });
    });
    return symptoms;
  },
};
