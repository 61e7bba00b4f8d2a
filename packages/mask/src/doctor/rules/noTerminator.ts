import type { DoctorRule } from "../finding.ts";

export const noTerminator: DoctorRule = {
  id: "no-terminator",
  severity: "error",
  description: "A trained answer without a trained terminator: the model does not learn to stop.",
  checkRow: ({ example }) =>
    example.warnings
      .filter((warning) => warning.code === "no-terminator" && !wasCut(warning.token, example.ids.length, example.warnings))
      .map(({ token, message }) => ({
        tokens: token === null ? null : { start: token, end: token + 1 },
        message,
        fix: "Use a template that ends the turn inside the turn, a tokenizer with an EOS token, and a policy that trains terminators.",
      })),
};

/** A terminator that truncation cut is the rule "truncated-answer". */
function wasCut(token: number | null, length: number, warnings: readonly { readonly code: string }[]): boolean {
  return token === length - 1 && warnings.some(({ code }) => code === "terminator-cut");
}
