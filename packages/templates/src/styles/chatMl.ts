import type { TemplateDefinition } from "../templateDefinition.ts";

export const chatMlUser = { before: "<|im_start|>user\n", after: "<|im_end|>\n" } as const;

export const chatMlAssistant: TemplateDefinition["assistant"] = {
  before: "<|im_start|>assistant\n",
  terminator: "<|im_end|>",
  after: "\n",
  reasoning: { before: "<think>\n", after: "\n</think>\n\n" },
  toolCall: { before: "<tool_call>\n", after: "\n</tool_call>", between: "\n" },
};

export const chatMlTool = { before: "<|im_start|>tool\n", after: "<|im_end|>\n" } as const;

/** OpenAI's chat markup, with no system text of its own; an alpaca row's input is joined to the instruction. */
export const chatMl: TemplateDefinition = {
  name: "chatml",
  system: { before: "<|im_start|>system\n", after: "<|im_end|>\n" },
  user: chatMlUser,
  assistant: chatMlAssistant,
  tool: chatMlTool,
};

/** No markup at all: each message as it stands, each answer ended by EOS. For raw text. */
export const rawText: TemplateDefinition = {
  name: "text",
  system: { before: "" },
  user: { before: "" },
  assistant: { before: "", terminator: "eos" },
};
