import type { DoctorRule, Symptom } from "../finding.ts";

export const controlTokenInContent: DoctorRule = {
  id: "control-token-in-content",
  severity: "error",
  description: "Text of a record that is, or reads as, a control token.",
  checkRow({ rendering, example }, { tokenizer }) {
    const symptoms: Symptom[] = [];
    for (const span of example.spans) {
      if (span.kind !== "content") continue;
      for (let token = span.start; token < span.end; token++) {
        if (!tokenizer.isControl(example.ids[token])) continue;
        symptoms.push({
          tokens: { start: token, end: token + 1 },
          message: `Message ${span.message}, ${span.field}: the record's text became control token ${example.ids[token]}.`,
          fix: 'Encode content with control: "literal", or clean the row.',
        });
      }
    }
    if (symptoms.length > 0) return symptoms;
    for (const segment of rendering.segments) {
      if (segment.kind !== "content" || segment.text === "") continue;
      const { ids, offsets } = tokenizer.encode(segment.text, { addSpecialTokens: false });
      const at = ids.findIndex((id) => tokenizer.isControl(id));
      if (at < 0) continue;
      const start = segment.fieldStart + offsets[2 * at];
      const span = example.spans.find(
        ({ message, field, charStart, charEnd }) =>
          message === segment.message && field === segment.field && charStart <= start && start < charEnd,
      );
      symptoms.push({
        severity: "warning",
        tokens: span === undefined ? null : { start: span.start, end: span.end },
        message: `Message ${segment.message}, ${segment.field}: ${JSON.stringify(segment.text.slice(offsets[2 * at], offsets[2 * at + 1]))} at character ${start} reads as a control token; it was kept as plain text.`,
        fix: "Harmless here; other tools would take it for a turn's end or start. Clean the row if it is not meant.",
      });
    }
    return symptoms;
  },
};
