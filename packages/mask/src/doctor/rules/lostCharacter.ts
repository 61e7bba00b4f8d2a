import type { DoctorRule } from "../finding.ts";

/** U+FFFD, which decoders put in place of bytes that they cannot read, or half of a surrogate pair, which tokenizers turn into it. */
const lost = /\ufffd|\p{Surrogate}/u;

export const lostCharacter: DoctorRule = {
  id: "lost-character",
  severity: "warning",
  description: "A character of a record that was lost before it came here.",
  checkRow: ({ example }) =>
    example.spans.flatMap(({ kind, start, end, text, message, field }) => {
      const at = kind === "content" ? text.search(lost) : -1;
      if (at < 0) return [];
      const what = text[at] === "\ufffd" ? "the replacement character U+FFFD" : "half of a surrogate pair";
      return [
        {
          tokens: { start, end },
          message: `Message ${message}, ${field}: ${what} stands at character ${at}, where another was.`,
          fix: "Write the rows again from their source, read in its own encoding and cut between whole characters.",
        },
      ];
    }),
};
