import type { Message, Rendering, Segment } from "@sft/templates";

/** A ChatML rendering written out by hand, with the newline after the terminator as its own segment. */
export function chatml(messages: readonly Message[], options: { generationPrompt?: boolean } = {}): Rendering {
  const segments: Segment[] = [];
  messages.forEach((message, i) => {
    const { role } = message;
    const at = { role, message: i, field: null, fieldStart: 0 };
    const header = role === "assistant" ? "generationPrompt" : "literal";
    segments.push({ ...at, text: `<|im_start|>${role}\n`, kind: header, part: "header" });
    if (message.reasoning_content !== undefined) {
      const text = message.reasoning_content;
      segments.push({ ...at, text, kind: "content", field: "reasoning_content", part: "body", spanClass: "reasoning" });
    }
    segments.push({ ...at, text: message.content, kind: "content", field: "content", part: "body" });
    segments.push({ ...at, text: "<|im_end|>", kind: "control", part: "terminator" });
    segments.push({ ...at, text: "\n", kind: "literal", part: "afterTerminator" });
  });
  if (options.generationPrompt) {
    const at = { role: "assistant", message: messages.length, field: null, fieldStart: 0 };
    segments.push({ ...at, text: "<|im_start|>assistant\n", kind: "generationPrompt", part: "header" });
  }
  return {
    segments,
    conversation: { messages },
    terminators: ["<|im_end|>"],
    template: { name: "chatml", hash: "by hand" },
  };
}

/** A prompt and its answer in plain text, ended by EOS: LitGPT's test style "In: {prompt} Out:" by default. */
export function promptAnswer(
  prompt: string,
  answer: string,
  options: { before?: string; after?: string; eos?: string; bos?: string } = {},
): Rendering {
  const { before = "In: ", after = " Out:", eos = "</s>", bos = "" } = options;
  const user = { role: "user", message: 0, fieldStart: 0 };
  const assistant = { role: "assistant", message: 1, fieldStart: 0 };
  const outside = { role: null, message: null, fieldStart: 0 };
  const segments: Segment[] = [
    { ...outside, text: bos, kind: "control", field: null, part: "outside" },
    { ...user, text: before, kind: "literal", field: null, part: "header" },
    { ...user, text: prompt, kind: "content", field: "content", part: "body" },
    { ...assistant, text: after, kind: "generationPrompt", field: null, part: "header" },
    { ...assistant, text: answer, kind: "content", field: "content", part: "body" },
    { ...assistant, text: eos, kind: "control", field: null, part: "terminator" },
  ];
  return {
    segments: segments.filter((segment) => segment.text !== ""),
    conversation: {
      messages: [
        { role: "user", content: prompt },
        { role: "assistant", content: answer },
      ],
      record: { format: "alpaca" },
    },
    terminators: ["eos"],
    template: { name: "in-out", hash: "by hand" },
  };
}

/** The shortest conversation: a question of one character and an answer of three. */
export const user: Message = { role: "user", content: "u" };
export const assistant: Message = { role: "assistant", content: "abc" };
