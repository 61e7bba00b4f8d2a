import type { DoctorRule } from "../finding.ts";

export const allMasked: DoctorRule = {
  id: "all-masked",
  severity: "error",
  description: "A row in which no token is trained.",
  checkRow({ example }) {
    if (example.dropped !== null || example.weights.some((weight) => weight > 0)) return [];
    return [
      {
        tokens: null,
        message: `None of ${example.ids.length} tokens is trained under the policy ${example.policy}.`,
        fix: "Give the row an answer, raise maxLength, or choose a policy that trains its turns.",
      },
    ];
  },
};
