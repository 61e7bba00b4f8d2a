import type { TemplateDefinition } from "../templateDefinition.ts";

/** Everything that a definition can say. */
export const rich: TemplateDefinition = {
  name: "rich",
  bos: true,
  start: "(start)\n",
  system: {
    before: "<|sys|>",
    after: "<|/sys|>\n",
    default: "Standard.",
    defaultWithInput: "With input.",
    separator: " ~ ",
    strip: true,
  },
  user: { before: "Q: ", after: "\n", between: "--\n", input: { before: " // " } },
  tool: { before: "<|tool|>", after: "<|/tool|>\n" },
  assistant: {
    before: "A: ",
    terminator: "<|end|>",
    after: "\n",
    reasoning: { before: "<r>", after: "</r>" },
    toolCall: { before: "<call>", between: ";", after: "</call>" },
  },
  controlTokens: ["<call>"],
};

/** As little as a definition must say. */
export const bare: TemplateDefinition = { name: "bare", user: { before: "> " }, assistant: { before: "\n< ", terminator: "eos" } };
