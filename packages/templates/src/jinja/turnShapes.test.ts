import { describe, expect, it } from "vitest";
import { goldenModels } from "../../golden/goldenChats.ts";
import { readRecord } from "../records/readRecord.ts";
import type { Conversation, Segment } from "../segment.ts";
import { createJinjaTemplate } from "./createJinjaTemplate.ts";

/** "kind/part:text" of each segment, roles aside. */
const shape = (segments: readonly Segment[]): string[] =>
  segments.map(({ kind, part, text, spanClass }) => `${kind}/${part}${spanClass ? `(${spanClass})` : ""}:${text}`);
const specialTokens = { bos: "<s>", eos: "</s>" };
const two: Conversation = readRecord({
  messages: [
    { role: "user", content: "q1" },
    { role: "assistant", content: "a1" },
    { role: "user", content: "q2" },
    { role: "assistant", content: "a2" },
  ],
});
const oneCall: Conversation = readRecord({
  messages: [
    { role: "user", content: "q" },
    { role: "assistant", content: null, tool_calls: [{ type: "function", function: { name: "f", arguments: { x: 1 } } }] },
  ],
});

describe("turns of a template that opens answers inside the question (Mistral's shape)", () => {
  const template = createJinjaTemplate(
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}",
  );

  it("trains the answer from its first character", () => {
    expect(template.terminators).toEqual(["eos"]);
    expect(shape(template.render(two, { specialTokens }).segments)).toEqual([
      "control/outside:<s>",
      "literal/header:[INST] ",
      "content/body:q1",
      "literal/terminator: [/INST]",
      "literal/body: ",
      "content/body:a1",
      "control/terminator:</s>",
      "literal/header:[INST] ",
      "content/body:q2",
      "literal/terminator: [/INST]",
      "literal/body: ",
      "content/body:a2",
      "control/terminator:</s>",
    ]);
  });

  it("stops the prompt behind the question", () => {
    const prompt = template.render(two, { specialTokens, addGenerationPrompt: true }).segments;
    expect(prompt.map(({ text }) => text).join("")).toBe("<s>[INST] q1 [/INST] a1</s>[INST] q2 [/INST]");
    const open = template.render({ messages: two.messages.slice(0, 3) }, { specialTokens, addGenerationPrompt: true }).segments;
    expect(open).toEqual(prompt);
  });
});

describe("turns of a template that counts instead of looping over messages", () => {
  const template = createJinjaTemplate(
    "{% for i in range(messages | length) %}{{ '<|' + messages[i].role + '|>\n' + messages[i].content + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
  );

  it("finds the same parts", () => {
    expect(shape(template.render(two).segments)).toEqual([
      "control/header:<|user|>",
      "literal/header:\n",
      "content/body:q1",
      "control/terminator:<|end|>",
      "literal/afterTerminator:\n",
      "generationPrompt/header:<|assistant|>\n",
      "content/body:a1",
      "control/terminator:<|end|>",
      "literal/afterTerminator:\n",
      "control/header:<|user|>",
      "literal/header:\n",
      "content/body:q2",
      "control/terminator:<|end|>",
      "literal/afterTerminator:\n",
      "generationPrompt/header:<|assistant|>\n",
      "content/body:a2",
      "control/terminator:<|end|>",
      "literal/afterTerminator:\n",
    ]);
  });
});

describe("turns written by a macro", () => {
  const template = createJinjaTemplate(
    "{% macro turn(m) %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endmacro %}{% for m in messages %}{{ turn(m) }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
  );

  it("belong to their message", () => {
    const { segments } = template.render(two);
    expect(segments.map(({ message }) => message)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3]);
    expect(shape(segments.slice(5, 9))).toEqual([
      "generationPrompt/header:<|im_start|>assistant\n",
      "content/body:a1",
      "control/terminator:<|im_end|>",
      "literal/afterTerminator:\n",
    ]);
  });
});

describe("a generation prompt that opens the thoughts", () => {
  const template = createJinjaTemplate(
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{{ '<think>\n' + m.reasoning_content + '\n</think>\n\n' }}{% endif %}{{ m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
  );

  it("leaves the opening tag to the prompt and trains the thoughts", () => {
    const row = readRecord({
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", reasoning_content: "hm", content: "a" },
      ],
    });
    expect(shape(template.render(row).segments.slice(5))).toEqual([
      "generationPrompt/header:<|im_start|>assistant\n<think>\n",
      "content/body(reasoning):hm",
      "literal/body(reasoning):\n</think>\n\n",
      "content/body:a",
      "control/terminator:<|im_end|>",
      "literal/afterTerminator:\n",
    ]);
  });
});

describe("tool calls", () => {
  it("are the answer's body, markup and all, with a null content", () => {
    const template = createJinjaTemplate(
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.content is not none %}{{ m.content }}{% endif %}{% for c in m.tool_calls or [] %}{{ '<call>' + c.function.name + ' ' + (c.function.arguments | tojson) + '</call>' }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    );
    expect(shape(template.render(oneCall).segments.slice(5))).toEqual([
      "generationPrompt/header:<|im_start|>assistant\n",
      "literal/body(toolCall):<call>",
      "content/body(toolCall):f",
      "literal/body(toolCall): ",
      'content/body(toolCall):{"x": 1}',
      "literal/body(toolCall):</call>",
      "control/terminator:<|im_end|>",
      "literal/afterTerminator:\n",
    ]);
  });

  it("survive a template that joins a null content to text", () => {
    const template = createJinjaTemplate(
      "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{{ m.tool_calls | tojson if m.tool_calls else '' }}{{ '<|end|>' }}{% endfor %}",
    );
    expect(
      template
        .render(oneCall)
        .segments.map(({ text }) => text)
        .join(""),
    ).toBe('<|user|>q<|end|><|assistant|>[{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]<|end|>');
  });
});

describe("content in parts", () => {
  const row = readRecord({
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: " one " },
          { type: "text", text: " two " },
        ],
      },
      { role: "assistant", content: "a" },
    ],
  });

  it("goes as a list to a template that reads lists", () => {
    const template = createJinjaTemplate(
      "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text | trim }}{% endfor %}{% endif %}{{ '<|end|>' }}{% endfor %}",
    );
    const words = template.render(row).segments.filter(({ kind, role }) => kind === "content" && role === "user");
    expect(words.map(({ text, field, fieldStart }) => [text, field, fieldStart])).toEqual([
      ["one", "content", 1],
      ["two", "content", 6],
    ]);
  });

  it("goes joined to one that reads strings", () => {
    const template = createJinjaTemplate("{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{% endfor %}");
    expect(template.render(row).segments.find(({ kind }) => kind === "content")!.text).toBe(" one  two ");
  });
});

describe("the clock", () => {
  const template = createJinjaTemplate(
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}no clock{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}",
  );

  it("is the one that was passed, and none if none was", () => {
    const text = (now?: Date): string =>
      template
        .render(two, { now })
        .segments.map((segment) => segment.text)
        .join("");
    expect(text(new Date("2024-07-26T12:00:00Z"))).toBe("26 Jul 2024q1a1q2a2");
    expect(text()).toBe("no clockq1a1q2a2");
  });
});

describe("what a template leaves out is said", () => {
  const template = createJinjaTemplate(
    "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{% endif %}{% endfor %}",
    { name: "t" },
  );
  const codes = (conversation: Conversation): unknown[] =>
    (template.render(conversation).warnings ?? []).map(({ code, index }) => [code, index]);

  it("for each field that the record has and the text has not", () => {
    expect(codes(two)).toEqual([]);
    expect(
      codes({
        tools: [{ name: "f" }],
        messages: [
          { role: "system", content: "S" },
          { role: "user", content: "q" },
          { role: "assistant", content: "a", tool_calls: [{ name: "f" }], reasoning_content: "earlier thoughts are left out by design" },
          { role: "tool", content: "r" },
          { role: "assistant", content: "b", reasoning_content: "hm" },
        ],
      }),
    ).toEqual([
      ["tools-ignored", null],
      ["system-ignored", 0],
      ["tool-calls-ignored", 2],
      ["message-ignored", 3],
      ["reasoning-ignored", 4],
    ]);
  });

  it("but a role that it does not know is refused", () => {
    expect(() => template.render({ messages: [{ role: "critic", content: "x" }] })).toThrow(
      expect.objectContaining({ code: "unknown-role", details: { role: "critic", message: 0 } }),
    );
  });

  it("and a message written whole leaves nothing out", () => {
    const whole = createJinjaTemplate("{{ messages[0] | tojson }}");
    expect(whole.render({ messages: [{ role: "user", content: "q", reasoning_content: "hm" }] }).warnings).toBeUndefined();
  });
});

describe("opening a turn as it was trained", () => {
  const { chat_template, chats } = goldenModels.qwen3!;
  const template = createJinjaTemplate(chat_template!);
  const row = readRecord({ messages: chats.find(({ name }) => name === "multi")!.messages });
  const question = { ...row, messages: row.messages.slice(0, -1) };

  it("gives the training row's own prompt, which Qwen3's generation prompt is not", () => {
    const trained = template.render(row, { addGenerationPrompt: true }).segments;
    expect(template.render(question, { addGenerationPrompt: true, openAsTrained: true }).segments).toEqual(trained);
    expect(template.render(question, { addGenerationPrompt: true, variables: { enable_thinking: false } }).segments).toEqual(trained);
    expect(template.render(question, { addGenerationPrompt: true }).segments.at(-1)!.text).toBe("<|im_start|>assistant\n");
    expect(trained.at(-1)!.text).toBe("<|im_start|>assistant\n<think>\n\n</think>\n\n");
  });
});

describe("a tool call behind an opening that goes on with thoughts", () => {
  it("is trained from its first character", () => {
    const template = createJinjaTemplate(
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.reasoning_content %}{{ '<think>\n' + m.reasoning_content + '\n</think>\n\n' }}{% endif %}{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ '<tool_call>' + (c.function | tojson) + '</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
    );
    const thought: Conversation = {
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: "a", reasoning_content: "hm" },
      ],
    };
    expect(shape(template.render(thought).segments.slice(5, 8))).toEqual([
      "generationPrompt/header:<|im_start|>assistant\n<think>\n",
      "content/body(reasoning):hm",
      "literal/body(reasoning):\n</think>\n\n",
    ]);
    expect(shape(template.render(oneCall).segments.slice(5, 8))).toEqual([
      "generationPrompt/header:<|im_start|>assistant\n",
      "literal/body(toolCall):<tool_call>",
      'content/body(toolCall):{"name": "f", "arguments": {"x": 1}}',
    ]);
  });
});

describe("a template that knows no generation prompt", () => {
  it.each([
    ["{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}", "<|im_start|>assistant\n"],
    [
      "{% for m in messages %}{{ ('### Response:\n' if m.role == 'assistant' else '### Instruction:\n') + m.content + (eos_token if m.role == 'assistant' else '\n\n') }}{% endfor %}",
      "### Response:\n",
    ],
  ])("does not train what opens an answer: %s", (source, opening) => {
    const turn = createJinjaTemplate(source)
      .render(two, { specialTokens })
      .segments.filter(({ message }) => message === 3);
    expect(turn[0]).toMatchObject({ text: opening, part: "header", kind: "generationPrompt" });
    expect(turn[1]).toMatchObject({ text: "a2", part: "body" });
    expect(turn[2]!.part).toBe("terminator");
  });
});

describe("an answer that starts with the words that open a turn", () => {
  it("is the answer's from its first character", () => {
    const template = createJinjaTemplate(
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
    );
    const row: Conversation = {
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: "<think>\nhm\n</think>a" },
      ],
    };
    expect(shape(template.render(row).segments.slice(5, 8))).toEqual([
      "generationPrompt/header:<|im_start|>assistant\n",
      "content/body(reasoning):<think>\nhm\n</think>",
      "content/body:a",
    ]);
  });
});
