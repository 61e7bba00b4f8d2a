import { describe, expect, it } from "vitest";
import { readRecord } from "./readRecord.ts";
import { assistant, call } from "../testing/messages.ts";

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
