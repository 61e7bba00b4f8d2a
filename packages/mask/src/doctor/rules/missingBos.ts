import type { DoctorRule } from "../finding.ts";

export const missingBos: DoctorRule = {
  id: "missing-bos",
  severity: "warning",
  description: "Rows without BOS for a tokenizer whose model expects one.",
  checkAll(rows, { tokenizer }) {
    const { bos, addBosToken } = tokenizer;
    if (bos === null || !addBosToken) return [];
    const without = rows.flatMap(({ example }, index) => (example.ids.length > 0 && example.ids[0] !== bos.id ? [index] : []));
    if (without.length === 0) return [];
    return [
      {
        index: null,
        tokens: null,
        message: `${without.length} of ${rows.length} rows do not start with ${bos.text}, which this tokenizer's add_bos_token asks for; the first is row ${rows[without[0]].example.row ?? without[0]}.`,
        fix: "Encode with bos: true, in training and in use, or choose a template that writes BOS.",
      },
    ];
  },
};
