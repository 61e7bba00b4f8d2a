import type { DoctorRule } from "../finding.ts";

export const truncatedAnswer: DoctorRule = {
  id: "truncated-answer",
  severity: "warning",
  description: "An answer that truncation cut, with or without its terminator.",
  checkRow: ({ example }) =>
    example.warnings
      .filter(({ code }) => code === "terminator-cut" || code === "answer-cut")
      .map(({ code, message }) => ({
        severity: code === "terminator-cut" ? "error" : "warning",
        tokens: { start: Math.max(0, example.ids.length - 1), end: example.ids.length },
        message,
        fix: "Choose the truncation drop or keepResponse, or raise maxLength.",
      })),
};
