import type { DoctorRule, Symptom } from "../finding.ts";

/** Characters of the answer that take part in the check; no pre-tokenizer looks further back than a word. */
const WINDOW = 64;

export const boundaryMerge: DoctorRule = {
  id: "boundary-merge",
  severity: "note",
  description: "A prompt and its answer that merge into other tokens when they are encoded as one string.",
  checkRow({ rendering, example }, { tokenizer }) {
    const symptoms: Symptom[] = [];
    for (const { code, token, message } of example.warnings) {
      if (code !== "straddling-token" || token === null) continue;
      symptoms.push({
        severity: "warning",
        tokens: { start: token, end: token + 1 },
        message,
        fix: "Encode segment by segment (the default), so that prompt and answer share no token.",
      });
    }
    const { segments } = rendering;
    for (let s = 1; s < segments.length; s++) {
      const [prompt, answer] = [segments[s - 1], segments[s]];
      if (prompt.kind !== "generationPrompt" || answer.kind !== "content" || answer.part !== "body") continue;
      const span = example.spans.find((candidate) => candidate.message === answer.message && candidate.kind === "content");
      if (span === undefined) continue;
      const alone = tokenizer.encode(prompt.text, { addSpecialTokens: false }).ids;
      const joined = tokenizer.encode(prompt.text + answer.text.slice(0, WINDOW), { addSpecialTokens: false }).ids;
      if (alone.every((id, i) => joined[i] === id)) continue;
      const space = /\s$/.test(prompt.text) && !prompt.text.endsWith("\n") ? " The prompt ends in a space." : "";
      symptoms.push({
        tokens: { start: Math.max(0, span.start - 1), end: span.start + 1 },
        message: `Message ${answer.message}: as one string, the end of the prompt and the start of the answer become other tokens.${space}`,
        fix: "Nothing to do here: they are encoded apart. A tool that encodes the whole text sees other ids; let the prompt end in a newline or the answer not start with a space.",
      });
    }
    return symptoms;
  },
};
