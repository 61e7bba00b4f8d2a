import type { DoctorRule } from "../finding.ts";

export const templateOmits: DoctorRule = {
  id: "template-omits",
  severity: "warning",
  description: "Something of a record that its template does not write: what the model is to say, or what it is told.",
  checkRow: ({ rendering }) =>
    (rendering.warnings ?? []).map(({ code, message }) => ({
      ...(code === "message-ignored" || code === "tool-calls-ignored" ? { severity: "error" } : {}),
      tokens: null,
      message,
      fix: "Choose a template that writes it, or take it out of the rows.",
    })),
};
