import type { DoctorRule } from "../finding.ts";

const whole = /^(None|undefined|null|NaN|nan|\[object Object\])$/;
const word = /\b(None|undefined)\b|\[object Object\]/;

export const literalNone: DoctorRule = {
  id: "literal-none",
  severity: "warning",
  description: "A missing value that was written out: a turn that says None, undefined, null or NaN.",
  checkRow: ({ example }) =>
    example.spans
      .filter(({ kind, text }) => (kind === "content" ? whole.test(text.trim()) : word.test(text)))
      .map(({ start, end, text, message }) => ({
        tokens: { start, end },
        message: `${message === null ? "Template text" : `Message ${message}`} reads ${JSON.stringify(text.trim().slice(0, 40))}.`,
        fix: "Leave the field out of the row where there is no value.",
      })),
};
