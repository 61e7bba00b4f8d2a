import { describe, expect, it } from "vitest";
import { createTemplate } from "./createTemplate.ts";
import type { RenderOptions } from "./promptTemplate.ts";
import { readRecord } from "./records/readRecord.ts";
import { RecordError } from "./records/recordError.ts";
import type { Conversation, Message } from "./segment.ts";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { TemplateError } from "./templateError.ts";

/** Everything that a definition can say. */
const rich: TemplateDefinition = {
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
const bare: TemplateDefinition = { name: "bare", user: { before: "> " }, assistant: { before: "\n< ", terminator: "eos" } };

const user = (content: string, more: Partial<Message> = {}): Message => ({ role: "user", content, ...more });
const assistant = (content: string, more: Partial<Message> = {}): Message => ({ role: "assistant", content, ...more });
const system = (content: string, more: Partial<Message> = {}): Message => ({ role: "system", content, ...more });
const call = { type: "function", function: { name: "f", arguments: { x: 1 } } };

/** A line a segment: whose it is, which part and kind, from where in which field, and the text. */
function segmentsOf(
  style: TemplateDefinition,
  messages: readonly Message[],
  options: RenderOptions = {},
  tools?: readonly unknown[],
): string {
  const conversation: Conversation = { messages, ...(tools && { tools }) };
  const { segments, warnings } = createTemplate(style).render(conversation, {
    specialTokens: { bos: "<s>", eos: "</s>" },
    ...options,
  });
  const lines = segments.map((segment) => {
    const { role, message, part, kind, field, fieldStart, spanClass, text } = segment;
    const source = field === null ? "" : ` ${field}@${fieldStart}`;
    return `${role ?? "-"} ${message ?? "-"} ${part}${spanClass ? `(${spanClass})` : ""} ${kind}${source}: ${JSON.stringify(text)}`;
  });
  return `\n${[...lines, ...(warnings ?? []).map(({ code, message }) => `${code}: ${message}`)].join("\n")}\n`;
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TemplateError) return `\n${error.code}\n${error.message}\n${error.hint}\n${JSON.stringify(error.details)}\n`;
    if (error instanceof RecordError)
      return `\n${error.code}\n${error.message}\n${error.hint}\n${error.field} ${JSON.stringify(error.details)}\n`;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("every segment of a template of an object", () => {
  it("with a system text, thoughts and tool calls", () => {
    const thoughts = assistant("done", { reasoning_content: "hm", tool_calls: [call, call] });
    const messages = [system("  Be brief. "), user("q"), thoughts, { role: "tool", content: "7" }, assistant("bye")];
    expect(segmentsOf(rich, messages)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system 0 header control: "<|sys|>"
      system 0 body content content@2: "Be brief."
      system 0 afterTerminator literal: " ~ "
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      user 1 header literal: "Q: "
      user 1 body content content@0: "q"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body(reasoning) literal: "<r>"
      assistant 2 body(reasoning) content reasoning_content@0: "hm"
      assistant 2 body(reasoning) literal: "</r>"
      assistant 2 body content content@0: "done"
      assistant 2 body(toolCall) literal: ";"
      assistant 2 body(toolCall) control: "<call>"
      assistant 2 body(toolCall) content tool_calls.0@0: "{\\"name\\": \\"f\\", \\"arguments\\": {\\"x\\": 1}}"
      assistant 2 body(toolCall) literal: "</call>;"
      assistant 2 body(toolCall) control: "<call>"
      assistant 2 body(toolCall) content tool_calls.1@0: "{\\"name\\": \\"f\\", \\"arguments\\": {\\"x\\": 1}}"
      assistant 2 body(toolCall) literal: "</call>"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      tool 3 header control: "<|tool|>"
      tool 3 body content content@0: "7"
      tool 3 terminator control: "<|/tool|>"
      tool 3 afterTerminator literal: "\\n"
      assistant 4 header generationPrompt: "A: "
      assistant 4 body content content@0: "bye"
      assistant 4 terminator control: "<|end|>"
      assistant 4 afterTerminator literal: "\\n"
      "
    `);
  });

  it("with a call and no words before it", () => {
    expect(segmentsOf(rich, [user("q"), assistant("", { tool_calls: [call] })])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "q"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body(toolCall) control: "<call>"
      assistant 1 body(toolCall) content tool_calls.0@0: "{\\"name\\": \\"f\\", \\"arguments\\": {\\"x\\": 1}}"
      assistant 1 body(toolCall) literal: "</call>"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
  });

  it("with thoughts inside the words", () => {
    expect(segmentsOf(rich, [user("q"), assistant("<r>hm</r>yes")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "q"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body(reasoning) literal: "<r>"
      assistant 1 body(reasoning) content content@3: "hm"
      assistant 1 body(reasoning) literal: "</r>"
      assistant 1 body content content@9: "yes"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(bare, [user("q"), assistant("<think>hm</think>\n\nyes")])).toMatchInlineSnapshot(`
      "
      user 0 header literal: "> "
      user 0 body content content@0: "q"
      assistant 1 header generationPrompt: "\\n< "
      assistant 1 body(reasoning) content content@0: "<think>hm</think>\\n\\n"
      assistant 1 body content content@19: "yes"
      assistant 1 terminator control: "</s>"
      "
    `);
    expect(segmentsOf(rich, [user("q"), assistant("<r>never closed")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "q"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "<r>never closed"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
  });

  it("with an input beside the instruction, and without", () => {
    const fields = { instruction: "Add", input: "1 2" };
    expect(segmentsOf(rich, [user("Add\n\n1 2", { fields }), assistant("3")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "With input."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "Add"
      user 0 body literal: " // "
      user 0 body content content@5: "1 2"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "3"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(rich, [user("Add", { fields: { instruction: "Add", input: "" } }), assistant("3")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "Add"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "3"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
    const ignoring: TemplateDefinition = { ...rich, user: { ...rich.user, input: "ignored" } };
    expect(segmentsOf(ignoring, [user("Add\n\n1 2", { fields }), assistant("3")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "Add"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "3"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      input-ignored: Template "rich" writes only the instruction and leaves the row's input out, as LitGPT does (message 0).
      "
    `);
  });

  it("with a second question, and an empty system text", () => {
    expect(segmentsOf(rich, [system(""), user("a"), assistant("b"), user("c"), assistant("d")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 1 header literal: "Q: "
      user 1 body content content@0: "a"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body content content@0: "b"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      user 3 header literal: "--\\nQ: "
      user 3 body content content@0: "c"
      user 3 afterTerminator literal: "\\n"
      assistant 4 header generationPrompt: "A: "
      assistant 4 body content content@0: "d"
      assistant 4 terminator control: "<|end|>"
      assistant 4 afterTerminator literal: "\\n"
      "
    `);
  });

  it("with a system text of its own, or inside the first question, and a developer's", () => {
    const inside: TemplateDefinition = { ...rich, bos: false, start: "", system: { ...rich.system!, place: "insideFirstUser" } };
    expect(segmentsOf(inside, [{ role: "developer", content: "S\n" }, user("q"), assistant("a")])).toMatchInlineSnapshot(`
      "
      user 1 header literal: "Q: "
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      user 1 body content content@0: "q"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body content content@0: "a"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(inside, [system("S", { fields: { sys_prompt: "S" } }), user("q"), assistant("a")])).toMatchInlineSnapshot(`
      "
      user 1 header literal: "Q: "
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      user 1 body content content@0: "q"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body content content@0: "a"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      "
    `);
  });

  it("that begins with an answer", () => {
    expect(segmentsOf(rich, [assistant("a")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      assistant 0 header generationPrompt: "A: "
      assistant 0 body content content@0: "a"
      assistant 0 terminator control: "<|end|>"
      assistant 0 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(rich, [system("S"), assistant("a")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 afterTerminator literal: " ~ "
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "a"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
  });

  it("of a prompt", () => {
    const open = { addGenerationPrompt: true };
    expect(segmentsOf(rich, [assistant("a")], open)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      assistant 0 header generationPrompt: "A: "
      "
    `);
    expect(segmentsOf(rich, [system("S")], open)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 afterTerminator literal: " ~ "
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      "
    `);
    expect(segmentsOf(rich, [user("q")], open)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "q"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      "
    `);
  });

  it("of a template that has no system text", () => {
    expect(segmentsOf(bare, [system("S"), user("q"), assistant("</s><s>a")])).toMatchInlineSnapshot(`
      "
      user 1 header literal: "> "
      user 1 body content content@0: "q"
      assistant 2 header generationPrompt: "\\n< "
      assistant 2 body content content@0: "</s><s>a"
      assistant 2 terminator control: "</s>"
      system-ignored: Template "bare" has no place for a system message and leaves it out (message 0).
      "
    `);
  });
});

describe("what a template of an object refuses, in full", () => {
  it.each<[string, TemplateDefinition, readonly Message[], readonly unknown[]]>([
    ["no messages", rich, [], []],
    ["tools", rich, [user("q")], [call]],
    ["a system message behind the first", rich, [user("q"), system("S")], []],
    ["an unknown role", rich, [{ role: "judge", content: "x" }], []],
    ["a tool's message without a place", bare, [user("q"), { role: "tool", content: "x" }], []],
    ["thoughts without a place", bare, [user("q"), assistant("a", { reasoning_content: "hm" })], []],
    ["calls without a place", bare, [user("q"), assistant("a", { tool_calls: [call] })], []],
  ])("%s", (_, style, messages, tools) => {
    expect(refusal(() => segmentsOf(style, messages, {}, tools))).toMatchSnapshot();
  });

  it.each([
    ["bos", rich],
    ["eos", bare],
  ])("a tokenizer without %s", (_, style) => {
    expect(refusal(() => createTemplate(style).render({ messages: [user("q"), assistant("a")] }))).toMatchSnapshot();
  });
});

describe("what a reader of rows refuses, in full", () => {
  const place = { file: "data.jsonl", row: 3, line: 4 };
  const message = (more: Record<string, unknown>): unknown => ({ messages: [{ role: "user", content: "q", ...more }] });
  it.each<[string, unknown]>([
    ["no object", [1]],
    ["no keys", {}],
    ["unknown keys", { a: 1, b: 2 }],
    ["a null output", { instruction: "q", output: null }],
    ["a number as input", { instruction: "q", input: 5, output: "a" }],
    ["a history that is no list", { instruction: "q", output: "a", history: "x" }],
    ["a history with a single", { instruction: "q", output: "a", history: [["x"]] }],
    ["a history with one number", { instruction: "q", output: "a", history: [["x", 1]] }],
    ["a prompt of neither kind", { prompt: 1, completion: "c" }],
    ["a completion of neither kind", { prompt: "p", completion: { a: 1 } }],
    ["an empty prompt list", { prompt: [], completion: "c" }],
    ["a text that is no text", { text: true }],
    ["messages of text", { messages: "x" }],
    ["no messages", { messages: [] }],
    ["a message of text", { messages: ["x"] }],
    ["a message without a role", message({ role: undefined })],
    ["a null content", message({ content: null })],
    ["a content that is an object", message({ content: {} })],
    ["a part of text", message({ content: ["x"] })],
    ["an image", message({ content: [{ type: "text", text: "a" }, { type: "image_url" }] })],
    ["a part without a text", message({ content: [{ type: "text" }] })],
    ["a part's weight below 0", message({ content: [{ text: "a", weight: -1 }] })],
    ["a part's weight without end", message({ content: [{ text: "a", weight: Infinity }] })],
    ["a part's train of text", message({ content: [{ text: "a", train: "yes" }] })],
    ["a train of text", message({ train: "yes" })],
    ["a weight below 0", message({ weight: -0.5 })],
    ["a weight without end", message({ weight: Infinity })],
    ["a weight of text", message({ weight: "1" })],
    ["tool calls that are no list", message({ tool_calls: {} })],
    ["a name of number", message({ name: 7 })],
    ["a tool_call_id of number", message({ tool_call_id: 7 })],
    ["thoughts of number", message({ reasoning_content: 7 })],
    ["spans that are no list", message({ spans: 1 })],
    ["a span past the end", message({ spans: [{ start: 0, end: 2, weight: 1 }] })],
    ["a span that ends before it starts", message({ spans: [{ start: 1, end: 0, weight: 1 }] })],
    ["a span before the text", message({ spans: [{ start: -1, end: 1, weight: 1 }] })],
    ["a span at half a character", message({ spans: [{ start: 0.5, end: 1, weight: 1 }] })],
    ["a span that ends at half a character", message({ spans: [{ start: 0, end: 0.5, weight: 1 }] })],
    ["a span's weight below 0", message({ spans: [{ start: 0, end: 1, weight: -1 }] })],
    ["a span's weight without end", message({ spans: [{ start: 0, end: 1, weight: Infinity }] })],
    ["a span's weight of text", message({ spans: [{ start: 0, end: 1, weight: "1" }] })],
    ["a span that is none", message({ spans: ["x"] })],
    ["tools of other text", { messages: [{ role: "user", content: "q" }], tools: "{" }],
    ["tools that are an object's text", { messages: [{ role: "user", content: "q" }], tools: "{}" }],
    ["tools of number", { messages: [{ role: "user", content: "q" }], tools: 1 }],
    ["turns that are no list", { conversations: "x" }],
    ["a turn of text", { conversations: ["x"] }],
    ["a turn without a speaker", { conversations: [{ value: "x" }] }],
    ["an unknown speaker", { conversations: [{ from: "judge", value: "x" }] }],
    ["a turn without words", { conversations: [{ from: "gpt" }] }],
    ["a function call of no JSON", { conversations: [{ from: "function_call", value: "{" }] }],
    ["a function call without words", { conversations: [{ from: "function_call", value: null }] }],
    ["no turns", { conversations: [] }],
  ])("%s", (_, row) => {
    expect(refusal(() => readRecord(row, place))).toMatchSnapshot();
  });

  it.each([
    [{}, '"instruction" '],
    [{ row: 2 }, 'row 2: "instruction" '],
    [{ line: 5 }, 'line 5: "instruction" '],
    [{ file: "a.json" }, 'a.json: "instruction" '],
    [{ file: "a.json", line: 5, row: 2 }, 'a.json:5: row 2: "instruction" '],
  ])("the place %j in front of the words", (at, start) => {
    expect(() => readRecord({ instruction: 1, output: "a" }, at)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(`^${start}`) }),
    );
  });
});

describe("what a reader of rows makes of them, in full", () => {
  it.each<[string, unknown]>([
    ["alpaca with all its fields", { instruction: "q", input: "i", output: "a", system: "S", history: [["q0", "a0"]] }],
    ["alpaca with LitGPT's system text", { instruction: "q", output: "a", sys_prompt: "S" }],
    ["prompt and completion, with tools as text", { prompt: "p", completion: "c", tools: '[{"name":"f"}]' }],
    ["blank tools", { prompt: "p", completion: "c", tools: "  " }],
    ["lists of messages", { prompt: [{ role: "user", content: "p" }, assistant("x")], completion: [assistant("c")] }],
    ["text", { text: "words" }],
    [
      "a message with everything",
      {
        messages: [
          {
            role: "assistant",
            content: [
              { type: "text", text: "ab", train: false },
              { text: "c", weight: 0.25 },
              { type: null, text: "d" },
              { text: "e", train: true },
            ],
            name: "Ann",
            tool_call_id: "t",
            train: true,
            weight: 0,
            mood: "glad",
            gone: null,
          },
        ],
      },
    ],
    ["thoughts without words", { messages: [{ role: "assistant", content: null, reasoning_content: "hm" }] }],
    ["calls without words", { messages: [{ role: "assistant", tool_calls: [call] }] }],
    [
      "spans at the borders",
      {
        messages: [
          {
            role: "user",
            content: "ab",
            spans: [
              { start: 0, end: 0, weight: 0 },
              { start: 0, end: 2, weight: 1 },
            ],
          },
        ],
      },
    ],
    [
      "ShareGPT with every speaker",
      {
        system: "S",
        conversations: ["human", "gpt", "USER", "chatgpt", "bing", "bard", "model", "tool", "observation", "function_response", "assistant"]
          .map((from) => ({ from, value: from }))
          .concat([{ from: "function_call", value: '{"name":"f","arguments":{}}' }]),
      },
    ],
    [
      "ShareGPT with a system turn",
      {
        system: "S",
        conversations: [
          { from: "system", value: "T" },
          { from: "gpt", value: "a", weight: 0 },
        ],
      },
    ],
    ["ShareGPT with several calls", { conversations: [{ from: "function_call", value: '[{"name":"f"},{"name":"g"}]' }] }],
  ])("%s", (_, row) => {
    expect(readRecord(row, { row: 1 })).toMatchSnapshot();
  });
});
