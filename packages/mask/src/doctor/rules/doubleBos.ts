import type { DoctorRule } from "../finding.ts";

export const doubleBos: DoctorRule = {
  id: "double-bos",
  severity: "error",
  description: "More than one BOS token in a row.",
  checkRow({ example }, { tokenizer }) {
    const bos = tokenizer.bos?.id;
    if (bos === undefined || bos === tokenizer.eos?.id) return [];
    const first = example.ids.indexOf(bos);
    const second = first < 0 ? -1 : example.ids.indexOf(bos, first + 1);
    if (second < 0) return [];
    return [
      {
        tokens: { start: second, end: second + 1 },
        message: `BOS stands at token ${first} and again at token ${second}.`,
        fix: "Let the template write BOS once, and encode without special tokens.",
      },
    ];
  },
};
