import { describe, expect, it } from "vitest";
import type { RecordFormat } from "../segment.ts";
import { RecordError } from "./recordError.ts";
import { defaultTemplateName, detectRecordFormat, readRecord, recordFormats, unreadFields } from "./readRecord.ts";

const roles = (row: unknown): string[][] => readRecord(row).messages.map(({ role, content }) => [role, content]);

describe("alpaca rows", () => {
  it("join instruction and input, and keep the two apart", () => {
    const { messages, record } = readRecord({ instruction: "Translate.", input: "Hi", output: "Salut" }, { file: "a.json", row: 3 });
    expect(messages).toEqual([
      { role: "user", content: "Translate.\n\nHi", fields: { instruction: "Translate.", input: "Hi" } },
      { role: "assistant", content: "Salut" },
    ]);
    expect(record).toEqual({ format: "alpaca", file: "a.json", row: 3 });
  });

  it.each([undefined, null, ""])("read an input of %j as none", (input) => {
    expect(readRecord({ instruction: "Go", input, output: "ok" }).messages[0]).toEqual({
      role: "user",
      content: "Go",
      fields: { instruction: "Go", input: "" },
    });
  });

  it("put the system text and the history before the question", () => {
    expect(roles({ instruction: "q2", output: "a2", system: "S", history: [["q1", "a1"]] })).toEqual([
      ["system", "S"],
      ["user", "q1"],
      ["assistant", "a1"],
      ["user", "q2"],
      ["assistant", "a2"],
    ]);
  });

  it("mark LitGPT's sys_prompt", () => {
    expect(readRecord({ instruction: "q", output: "a", sys_prompt: "S" }).messages[0]).toEqual({
      role: "system",
      content: "S",
      fields: { sys_prompt: "S" },
    });
  });
});

describe("prompt and completion rows", () => {
  it("of strings are a question and its answer", () => {
    expect(roles({ prompt: "p", completion: "c" })).toEqual([
      ["user", "p"],
      ["assistant", "c"],
    ]);
  });

  it("of messages supervise the completion alone", () => {
    const { messages } = readRecord({
      prompt: [
        { role: "user", content: "q1" },
        { role: "assistant", content: "a1" },
        { role: "user", content: "q2" },
      ],
      completion: [{ role: "assistant", content: "a2" }],
    });
    expect(messages.map(({ train }) => train)).toEqual([undefined, false, undefined, undefined]);
  });

  it("let an answer of the prompt be trained where it says so", () => {
    const { messages } = readRecord({ prompt: [{ role: "assistant", content: "a1", train: true }], completion: "c" });
    expect(messages[0]!.train).toBe(true);
  });
});

describe("messages rows", () => {
  it("keep tools, tool calls, reasoning, names and keys of their own", () => {
    const call = { id: "1", type: "function", function: { name: "f", arguments: "{}" } };
    const conversation = readRecord({
      tools: [{ type: "function" }],
      messages: [
        { role: "user", content: "q", name: "Ann", mood: "glad" },
        { role: "assistant", content: null, tool_calls: [call], reasoning_content: "hm" },
        { role: "tool", content: "r", tool_call_id: "1" },
        { role: "assistant", content: "a", tool_calls: [], weight: 0.5, train: true, spans: [{ start: 0, end: 1, weight: 2 }] },
      ],
    });
    expect(conversation.tools).toEqual([{ type: "function" }]);
    expect(conversation.messages).toEqual([
      { role: "user", content: "q", name: "Ann", extra: { mood: "glad" } },
      { role: "assistant", content: "", contentIsNull: true, tool_calls: [call], reasoning_content: "hm" },
      { role: "tool", content: "r", tool_call_id: "1" },
      { role: "assistant", content: "a", weight: 0.5, train: true, spans: [{ start: 0, end: 1, weight: 2 }] },
    ]);
  });

  it("join text parts, and turn their train and weight into spans", () => {
    const { messages } = readRecord({
      messages: [
        {
          role: "assistant",
          content: [
            { type: "text", text: "ab", train: false },
            { type: "text", text: "c" },
            { text: "de", weight: 0.5 },
          ],
        },
      ],
    });
    expect(messages[0]).toEqual({
      role: "assistant",
      content: "abcde",
      parts: [
        { type: "text", text: "ab" },
        { type: "text", text: "c" },
        { type: "text", text: "de" },
      ],
      spans: [
        { start: 0, end: 2, weight: 0 },
        { start: 3, end: 5, weight: 0.5 },
      ],
    });
  });

  it("read tools that are stored as JSON text", () => {
    expect(readRecord({ messages: [{ role: "user", content: "q" }], tools: '[{"a":1}]' }).tools).toEqual([{ a: 1 }]);
    expect(readRecord({ messages: [{ role: "user", content: "q" }], tools: " " }).tools).toBeUndefined();
  });
});

describe("sharegpt rows", () => {
  it("name the speakers as messages do", () => {
    expect(
      roles({
        system: "S",
        conversations: [
          { from: "human", value: "q" },
          { from: "GPT", value: "a" },
          { from: "observation", value: "r" },
        ],
      }),
    ).toEqual([
      ["system", "S"],
      ["user", "q"],
      ["assistant", "a"],
      ["tool", "r"],
    ]);
  });

  it("read a function_call turn as a tool call", () => {
    expect(readRecord({ conversations: [{ from: "function_call", value: '{"name":"f","arguments":{}}' }] }).messages).toEqual([
      { role: "assistant", content: "", contentIsNull: true, tool_calls: [{ type: "function", function: { name: "f", arguments: {} } }] },
    ]);
  });

  it("keep a turn's own weight", () => {
    expect(readRecord({ conversations: [{ from: "gpt", value: "a", weight: 0 }] }).messages[0]!.weight).toBe(0);
  });
});

describe("text rows", () => {
  it("are one answer with no question", () => expect(roles({ text: "Once." })).toEqual([["assistant", "Once."]]));
});

const told: readonly (readonly [RecordFormat, string, object])[] = [
  ["messages", "chatml", { messages: [], text: "x" }],
  ["sharegpt", "chatml", { conversations: [] }],
  ["alpaca", "alpaca", { instruction: "q", output: "a", text: "whole" }],
  ["prompt-completion", "default", { prompt: "p", completion: "c" }],
  ["text", "text", { text: "x", messages: null }],
];

describe("the format", () => {
  it.each(told)("%s is told by its keys and has the template %s", (format, template, row) => {
    expect(detectRecordFormat(row as Record<string, unknown>)).toBe(format);
    expect(defaultTemplateName(format)).toBe(template);
  });

  it("has a row above, each", () => expect(told.map(([format]) => format).sort()).toEqual([...recordFormats].sort()));

  it("may be named", () =>
    expect(readRecord({ instruction: "q", output: "a", text: "T" }, { format: "text" }).messages[0]!.content).toBe("T"));
});

describe("fields that a format does not read", () => {
  it.each([
    ["alpaca", { instruction: "q", input: "", output: "a", context: "c", category: "" }, ["context"]],
    ["prompt-completion", { prompt: "p", completion: "c", system: "s", tools: null }, ["system"]],
    ["messages", { messages: [], tools: [], system: "s", id: 7, source: null }, ["system", "id"]],
    ["sharegpt", { conversations: [], system: "s" }, []],
  ] as const)("%s", (format, row, unread) => {
    expect(unreadFields(row, format)).toEqual(unread);
  });
});

describe("a bad row is refused with its place", () => {
  const message = (...messages: unknown[]): unknown => ({ messages });
  it.each<[string, unknown, string, string | null]>([
    ["no object", "text", "wrong-type", "row"],
    ["an array", [], "wrong-type", "row"],
    ["unknown keys", { a: 1, b: 2 }, "unknown-format", null],
    ["no keys", {}, "unknown-format", null],
    ["no output", { instruction: "q" }, "missing-field", "output"],
    ["a null output", { instruction: "q", output: null }, "missing-field", "output"],
    ["a number for output", { instruction: "q", output: 42 }, "wrong-type", "output"],
    ["a history that is no list of pairs", { instruction: "q", output: "a", history: [["q"]] }, "wrong-type", "history.0"],
    ["no messages in the list", message(), "empty-conversation", "messages"],
    ["a message that is no object", message("hi"), "wrong-type", "messages.0"],
    ["a message with no role", message({ content: "x" }), "missing-field", "messages.0.role"],
    ["a message with no content", message({ role: "user" }), "missing-field", "messages.0.content"],
    ["a null content with nothing beside it", message({ role: "assistant", content: null }), "missing-field", "messages.0.content"],
    ["a content that is an object", message({ role: "user", content: {} }), "wrong-type", "messages.0.content"],
    ["an image", message({ role: "user", content: [{ type: "image" }] }), "unsupported-part", "messages.0.content.0"],
    ["a part with no text", message({ role: "user", content: [{ type: "text" }] }), "missing-field", "messages.0.content.0.text"],
    [
      "a part with a weight below 0",
      message({ role: "user", content: [{ text: "x", weight: -1 }] }),
      "wrong-type",
      "messages.0.content.0.weight",
    ],
    ["a train that is no boolean", message({ role: "user", content: "x", train: 1 }), "wrong-type", "messages.0.train"],
    ["a weight that is not finite", message({ role: "user", content: "x", weight: Infinity }), "wrong-type", "messages.0.weight"],
    [
      "a span past the end",
      message({ role: "user", content: "x", spans: [{ start: 0, end: 2, weight: 1 }] }),
      "invalid-span",
      "messages.0.spans.0",
    ],
    ["tool_calls that are no list", message({ role: "user", content: "x", tool_calls: {} }), "wrong-type", "messages.0.tool_calls"],
    ["tools that are no JSON", { messages: [{ role: "user", content: "x" }], tools: "{" }, "wrong-type", "tools"],
    ["an unknown speaker", { conversations: [{ from: "robot", value: "x" }] }, "unknown-role", "conversations.0.from"],
    [
      "a function call that is no JSON",
      { conversations: [{ from: "function_call", value: "f()" }] },
      "wrong-type",
      "conversations.0.value",
    ],
  ])("%s", (_, row, code, field) => {
    try {
      readRecord(row, { file: "data.jsonl", row: 7, line: 8 });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(RecordError);
      expect(error).toMatchObject({ code, field, place: { file: "data.jsonl", row: 7, line: 8 } });
      expect((error as RecordError).message).toMatch(/^data\.jsonl:8: row 7: /);
      expect((error as RecordError).hint).not.toBe("");
    }
  });

  it.each<[string, unknown, string]>([
    ["of all fields", { Instruction: "q", " Output": "a" }, 'Rename "Instruction" to "instruction", " Output" to "output".'],
    ["of a needed one", { instruction: "q", "output ": "a" }, 'Rename "output " to "output".'],
    ["of turns", { conversations: [{ role: "user", content: "x" }] }, 'Rename "conversations" to "messages"'],
    ["of one that may be left out", { instruction: "q", Input: "i", output: "a" }, 'Rename "Input" to "input".'],
  ])("says what to rename: the name %s", (_, row, hint) => {
    expect(() => readRecord(row)).toThrow(hint);
  });
});
