import { measureSupervisedShare } from "../../supervisedShare.ts";
import type { DoctorRule } from "../finding.ts";

export const supervisedShare: DoctorRule = {
  id: "supervised-share",
  severity: "warning",
  description: "A supervised share of tokens outside the usual range.",
  checkAll(rows, { usualShare }) {
    if (rows.length === 0) return [];
    const { share, supervised, tokens } = measureSupervisedShare(rows.map((row) => row.example));
    if (tokens === 0 || (share >= usualShare.min && share <= usualShare.max)) return [];
    const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
    return [
      {
        index: null,
        tokens: null,
        message: `${supervised} of ${tokens} tokens (${percent(share)}) are trained; usual is ${percent(usualShare.min)} to ${percent(usualShare.max)}.`,
        fix:
          share > usualShare.max
            ? "The prompt seems to be trained: choose the policy completion or assistant, unless that is meant."
            : "Look at sft preview: prompts may be far longer than answers, or answers masked.",
      },
    ];
  },
};
