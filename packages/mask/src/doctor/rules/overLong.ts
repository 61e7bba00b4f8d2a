import type { DoctorRule } from "../finding.ts";

export const overLong: DoctorRule = {
  id: "over-long",
  severity: "warning",
  description: "A row that is longer than the limit.",
  checkRow({ example }, { maxLength }) {
    const length = example.ids.length;
    const limit = example.dropped?.maxLength ?? maxLength;
    if (limit === undefined || length <= limit) return [];
    return [
      {
        tokens: { start: limit, end: length },
        message: `${length} tokens, the limit is ${limit}${example.dropped === null ? "" : ": the row is dropped"}.`,
        fix: "Raise maxLength, shorten the row, or choose the truncation keepResponse.",
      },
    ];
  },
};
