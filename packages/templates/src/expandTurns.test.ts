import { describe, expect, it } from "vitest";
import { goldenModels } from "../golden/goldenChats.ts";
import { expandTurns, isPrefixStable } from "./expandTurns.ts";
import { createJinjaTemplate } from "./jinja/createJinjaTemplate.ts";
import { readRecord } from "./records/readRecord.ts";
import { findTemplate } from "./registry.ts";

const qwen3 = createJinjaTemplate(goldenModels.qwen3!.chat_template!, { name: "qwen3" });
const thinking = readRecord({ messages: goldenModels.qwen3!.chats.find(({ name }) => name === "thinking")!.messages });

describe("a template that drops earlier thoughts", () => {
  it("is found out", () => {
    expect(isPrefixStable(qwen3, thinking)).toBe(false);
    expect(isPrefixStable(findTemplate("chatml"), thinking)).toBe(true);
  });

  it("gives one row an answer, each with its own thoughts", () => {
    const rows = expandTurns(qwen3, thinking);
    expect(rows.map(({ supervisedMessage, messages }) => [supervisedMessage, messages.length])).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(rows.map((row) => row.messages.map(({ train }) => train))).toEqual([
      [undefined, undefined],
      [undefined, false, undefined, undefined],
    ]);
    const answers = rows.map((row) =>
      qwen3
        .render(row)
        .segments.filter(({ message, part }) => message === row.supervisedMessage && part === "body")
        .map(({ text }) => text)
        .join(""),
    );
    expect(answers).toEqual(["<think>\n1+2=3\n</think>\n\n3", "<think>\n3+4\n</think>\n\n7"]);
  });

  it("makes no row for an answer that is not to be trained", () => {
    const messages = thinking.messages.map((message, i) => (i === 1 ? { ...message, train: false } : message));
    expect(expandTurns(qwen3, { messages }).map(({ supervisedMessage }) => supervisedMessage)).toEqual([3]);
  });

  it("leaves a conversation of one answer alone", () => {
    const one = { messages: thinking.messages.slice(0, 2) };
    expect(expandTurns(qwen3, one)).toEqual([one]);
  });
});
