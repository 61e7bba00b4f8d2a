import type { DoctorRule } from "../finding.ts";

export const allMasked: DoctorRule = {
  id: "all-masked",
  severity: "error",
  description: "A row in which no token is trained.",
  checkRow({ rendering, example }) {
    if (example.dropped !== null || example.weights.some((weight) => weight > 0)) return [];
    const roles = [...new Set(rendering.conversation.messages.map(({ role }) => role))];
    const speakers = roles.includes("assistant") ? "" : ` No message is an assistant's; roles are ${roles.join(", ")}.`;
    return [
      {
        tokens: null,
        message: `None of ${example.ids.length} tokens is trained under the policy ${example.policy}.${speakers}`,
        fix: "Give the row an answer, raise maxLength, or choose a policy that trains its turns.",
      },
    ];
  },
};
