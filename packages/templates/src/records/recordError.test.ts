import { describe, expect, it } from "vitest";
import { readRecord } from "./readRecord.ts";
import { refusal } from "../testing/refusal.ts";

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
