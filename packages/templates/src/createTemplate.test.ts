import { describe, expect, it } from "vitest";
import { createTemplate } from "./createTemplate.ts";
import { readRecord } from "./records/readRecord.ts";
import { findTemplate, templateNames } from "./registry.ts";
import type { Conversation, Segment } from "./segment.ts";
import { litgptModelStyles, litgptStyles } from "./styles/litgptStyles.ts";
import type { TemplateDefinition } from "./templateDefinition.ts";

const specialTokens = { bos: "<s>", eos: "</s>" };
const textOf = (segments: readonly Segment[]): string => segments.map(({ text }) => text).join("");
const shape = (segments: readonly Segment[]): string[] =>
  segments.map(
    ({ role, kind, part, text, spanClass, fieldStart }) =>
      `${role}/${kind}/${part}${spanClass ? `(${spanClass})` : ""}@${fieldStart}:${text}`,
  );

const talk: Conversation = readRecord({
  messages: [
    { role: "system", content: "S" },
    { role: "user", content: "q1" },
    { role: "assistant", content: "a1" },
    { role: "user", content: "q2" },
    { role: "assistant", content: "a2" },
  ],
});

describe("ChatML", () => {
  it("types every part of a turn", () => {
    const { segments, terminators, template } = findTemplate("chatml").render({ messages: talk.messages.slice(0, 3) });
    expect(shape(segments)).toEqual([
      "system/control/header@0:<|im_start|>",
      "system/literal/header@0:system\n",
      "system/content/body@0:S",
      "system/control/terminator@0:<|im_end|>",
      "system/literal/afterTerminator@0:\n",
      "user/control/header@0:<|im_start|>",
      "user/literal/header@0:user\n",
      "user/content/body@0:q1",
      "user/control/terminator@0:<|im_end|>",
      "user/literal/afterTerminator@0:\n",
      "assistant/generationPrompt/header@0:<|im_start|>assistant\n",
      "assistant/content/body@0:a1",
      "assistant/control/terminator@0:<|im_end|>",
      "assistant/literal/afterTerminator@0:\n",
    ]);
    expect(segments.map(({ message }) => message)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
    expect(terminators).toEqual(["<|im_end|>"]);
    expect(template).toEqual({ name: "chatml", hash: findTemplate("chatml").hash });
  });

  it("writes thoughts and tool calls inside the answer", () => {
    const row = readRecord({
      messages: [
        { role: "user", content: "q" },
        {
          role: "assistant",
          content: "Let me see.",
          reasoning_content: "hm",
          tool_calls: [
            { type: "function", function: { name: "f", arguments: { x: 1 } } },
            { name: "g", arguments: '{"y": 2}' },
          ],
        },
        { role: "tool", content: "r" },
        { role: "assistant", content: "<think>\nso\n</think>\n\nDone." },
      ],
    });
    expect(
      shape(
        findTemplate("chatml")
          .render(row)
          .segments.filter(({ message, part }) => message! > 0 && part === "body"),
      ),
    ).toEqual([
      "assistant/literal/body(reasoning)@0:<think>\n",
      "assistant/content/body(reasoning)@0:hm",
      "assistant/literal/body(reasoning)@0:\n</think>\n\n",
      "assistant/content/body@0:Let me see.",
      "assistant/literal/body(toolCall)@0:\n<tool_call>\n",
      'assistant/content/body(toolCall)@0:{"name": "f", "arguments": {"x": 1}}',
      "assistant/literal/body(toolCall)@0:\n</tool_call>\n<tool_call>\n",
      'assistant/content/body(toolCall)@0:{"name": "g", "arguments": {"y": 2}}',
      "assistant/literal/body(toolCall)@0:\n</tool_call>",
      "tool/content/body@0:r",
      "assistant/literal/body(reasoning)@0:<think>\n",
      "assistant/content/body(reasoning)@8:so",
      "assistant/literal/body(reasoning)@0:\n</think>\n\n",
      "assistant/content/body@21:Done.",
    ]);
  });

  it("leaves thoughts in other markup to the record", () => {
    const row = readRecord({ messages: [{ role: "assistant", content: "<think>so</think>Done." }] });
    expect(shape(findTemplate("chatml").render(row).segments.slice(1, 3))).toEqual([
      "assistant/content/body(reasoning)@0:<think>so</think>",
      "assistant/content/body@17:Done.",
    ]);
  });

  it("joins an alpaca row's input to its instruction", () => {
    const { segments, warnings } = findTemplate("chatml").render(readRecord({ instruction: "Translate.", input: "Hi", output: "Salut" }));
    expect(textOf(segments)).toBe("<|im_start|>user\nTranslate.\n\nHi<|im_end|>\n<|im_start|>assistant\nSalut<|im_end|>\n");
    expect(warnings).toBeUndefined();
  });
});

describe("alpaca", () => {
  it("says where instruction and input stand in the content", () => {
    const { segments } = findTemplate("alpaca").render(readRecord({ instruction: "Go", input: "now", output: "ok" }), { specialTokens });
    expect(shape(segments.slice(1))).toEqual([
      "user/literal/header@0:### Instruction:\n",
      "user/content/body@0:Go",
      "user/literal/body@0:\n\n### Input:\n",
      "user/content/body@4:now",
      "assistant/generationPrompt/header@0:\n\n### Response:\n",
      "assistant/content/body@0:ok",
      "assistant/control/terminator@0:</s>",
    ]);
  });

  it("carries on over several turns, and a blank line behind a system text", () => {
    expect(textOf(findTemplate("alpaca").render(talk, { specialTokens }).segments)).toBe(
      "S\n\n### Instruction:\nq1\n\n### Response:\na1</s>\n\n### Instruction:\nq2\n\n### Response:\na2</s>",
    );
  });

  it("writes LitGPT's sys_prompt as it is", () => {
    expect(
      textOf(findTemplate("alpaca").render(readRecord({ instruction: "q", output: "a", sys_prompt: "S: " }), { specialTokens }).segments),
    ).toBe("S: ### Instruction:\nq\n\n### Response:\na</s>");
  });

  it("takes the preamble for an input from the first question only", () => {
    const row = readRecord({ instruction: "q2", input: "i", output: "a2", history: [["q1", "a1"]] });
    const text = textOf(findTemplate("alpaca").render(row, { specialTokens }).segments);
    expect(text).toMatch(/^Below is an instruction that describes a task\. /);
    expect(text).toContain("### Instruction:\nq2\n\n### Input:\ni\n\n### Response:\na2</s>");
  });
});

/** Style -> the text of `talk`. ChatML and alpaca have descriptions of their own above. */
const overSeveralTurns: readonly (readonly [string, string])[] = [
  ["llama2", "[INST] <<SYS>>\nS\n<</SYS>>\n\n q1 [/INST] a1</s>[INST] q2 [/INST] a2</s>"],
  ["codellama", "[INST] <<SYS>>\nS\n<</SYS>>\n\nq1 [/INST]a1</s>[INST] q2 [/INST]a2</s>"],
  [
    "llama3",
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nq1<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na1<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nq2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na2<|eot_id|>",
  ],
  [
    "phi-4",
    "<|im_start|>system<|im_sep|>S<|im_end|><|im_start|>user<|im_sep|>q1<|im_end|><|im_start|>assistant<|im_sep|>a1<|im_end|><|im_start|>user<|im_sep|>q2<|im_end|><|im_start|>assistant<|im_sep|>a2<|im_end|>",
  ],
  ["r1", "S<｜User｜>q1<｜Assistant｜>a1<｜end▁of▁sentence｜><｜User｜>q2<｜Assistant｜>a2<｜end▁of▁sentence｜>"],
  ["default", "q1a1</s>\nq2a2</s>"],
  ["text", "Sq1a1</s>q2a2</s>"],
];

describe("other styles over several turns", () => {
  it.each(overSeveralTurns)("%s", (name, text) => expect(textOf(findTemplate(name).render(talk, { specialTokens }).segments)).toBe(text));

  it("are expected letter for letter where they are not LitGPT's, whose golden texts say what they are", () => {
    const known = ["chatml", ...[...litgptStyles, ...litgptModelStyles].map(({ name }) => name), ...overSeveralTurns.map(([name]) => name)];
    expect(templateNames.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe("what a style leaves out is said", () => {
  it("where it has no place for a system message", () => {
    const { segments, warnings } = findTemplate("gemma").render(talk);
    expect(textOf(segments)).not.toContain("S");
    expect(warnings).toEqual([
      { code: "system-ignored", index: 0, message: 'Template "gemma" has no place for a system message and leaves it out (message 0).' },
    ]);
  });

  it("where it writes the instruction alone", () => {
    const { warnings } = findTemplate("qwen2.5").render(readRecord({ instruction: "q", input: "i", output: "a" }));
    expect(warnings?.map(({ code, index }) => [code, index])).toEqual([["input-ignored", 0]]);
  });
});

describe("the generation prompt", () => {
  it("opens a turn behind a question, and stops before a last answer", () => {
    const open = findTemplate("chatml").render({ messages: talk.messages.slice(0, 4) }, { addGenerationPrompt: true }).segments;
    const cut = findTemplate("chatml").render(talk, { addGenerationPrompt: true }).segments;
    expect(open).toEqual(cut);
    expect(open.at(-1)).toMatchObject({ kind: "generationPrompt", text: "<|im_start|>assistant\n", message: 4, role: "assistant" });
  });

  it("needs no EOS for a first question", () => {
    expect(() =>
      findTemplate("alpaca").render({ messages: [{ role: "user", content: "q" }] }, { addGenerationPrompt: true }),
    ).not.toThrow();
  });
});

describe("a conversation that does not fit is refused", () => {
  const cases: [string, string, Conversation, string][] = [
    ["with no messages", "chatml", { messages: [] }, "empty-conversation"],
    ["with an unknown role", "alpaca", { messages: [{ role: "critic", content: "x" }] }, "unknown-role"],
    ["with a tool's answer where none fits", "alpaca", { messages: [{ role: "tool", content: "x" }] }, "unknown-role"],
    [
      "with a late system message",
      "chatml",
      {
        messages: [
          { role: "user", content: "q" },
          { role: "system", content: "S" },
        ],
      },
      "role-order",
    ],
    ["with tools", "chatml", { messages: [{ role: "user", content: "q" }], tools: [{}] }, "unsupported-field"],
    ["with tool calls where none fit", "phi-3", { messages: [{ role: "assistant", content: "", tool_calls: [{}] }] }, "unsupported-field"],
    [
      "with thoughts where none fit",
      "phi-3",
      { messages: [{ role: "assistant", content: "", reasoning_content: "hm" }] },
      "unsupported-field",
    ],
    ["where EOS is not known", "alpaca", { messages: [{ role: "assistant", content: "a" }] }, "missing-special-token"],
  ];
  it.each(cases)("%s", (_, name, conversation, code) => {
    expect(() => findTemplate(name).render(conversation)).toThrow(
      expect.objectContaining({ name: "TemplateError", code, hint: expect.stringMatching(/\S/) }),
    );
  });
});

describe("a template of one's own", () => {
  const definition: TemplateDefinition = {
    name: "pirate",
    bos: true,
    start: "[[start]]",
    controlTokens: ["[[start]]", "[[end]]"],
    system: { before: "Rules: ", after: "\n", default: "Be a pirate." },
    user: { before: "Q: ", after: "\n" },
    assistant: { before: "A: ", terminator: "[[end]]", after: "\n" },
  };

  it("renders", () => {
    const { segments } = createTemplate(definition).render(
      {
        messages: [
          { role: "user", content: "Ho?" },
          { role: "assistant", content: "Arr." },
        ],
      },
      { specialTokens },
    );
    expect(shape(segments)).toEqual([
      "null/control/outside@0:<s>",
      "null/control/outside@0:[[start]]",
      "system/literal/header@0:Rules: ",
      "system/literal/body@0:Be a pirate.",
      "system/literal/afterTerminator@0:\n",
      "user/literal/header@0:Q: ",
      "user/content/body@0:Ho?",
      "user/literal/afterTerminator@0:\n",
      "assistant/generationPrompt/header@0:A: ",
      "assistant/content/body@0:Arr.",
      "assistant/control/terminator@0:[[end]]",
      "assistant/literal/afterTerminator@0:\n",
    ]);
  });

  it("has a hash that follows its content", () => {
    expect(createTemplate(definition).hash).toBe(createTemplate({ ...definition }).hash);
    expect(createTemplate({ ...definition, start: "" }).hash).not.toBe(createTemplate(definition).hash);
  });

  it.each([
    [{ ...definition, assistant: { before: "A: ", terminator: "" } }, "assistant.terminator"],
    [{ ...definition, user: {} }, "user.before"],
    [{ ...definition, name: "" }, "name"],
    [{ ...definition, sistem: {} }, "sistem"],
  ])("is refused where it is wrong, by field (case %#)", (wrong, path) => {
    expect(() => createTemplate(wrong as TemplateDefinition)).toThrow(
      expect.objectContaining({ code: "invalid-definition", message: expect.stringContaining(path) }),
    );
  });
});
