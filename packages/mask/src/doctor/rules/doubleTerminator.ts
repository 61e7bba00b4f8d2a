import type { DoctorRule, Symptom } from "../finding.ts";

export const doubleTerminator: DoctorRule = {
  id: "double-terminator",
  severity: "error",
  description: "An answer whose terminator is trained more than once.",
  checkRow({ example }, { tokenizer }) {
    const symptoms: Symptom[] = [];
    const messages = new Set(example.spans.map((span) => span.message));
    for (const message of messages) {
      if (message === null) continue;
      const spans = example.spans.filter((span) => span.message === message && span.trained);
      const ends = new Set(spans.filter((span) => span.part === "terminator").map((span) => example.ids[span.end - 1]));
      const places = spans.flatMap((span) =>
        Array.from({ length: span.end - span.start }, (_, i) => span.start + i).filter((token) => {
          const id = example.ids[token];
          return ends.has(id) && (tokenizer.isControl(id) || (span.part === "terminator" && token === span.end - 1));
        }),
      );
      if (places.length < 2) continue;
      symptoms.push({
        tokens: { start: places[0], end: places[places.length - 1] + 1 },
        message: `The terminator of message ${message} is trained ${places.length} times.`,
        fix: 'Remove the terminator from the record\'s text, or keep control: "literal".',
      });
    }
    return symptoms;
  },
};
