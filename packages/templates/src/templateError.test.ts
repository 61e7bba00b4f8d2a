import { describe, expect, it } from "vitest";
import { createTemplate } from "./createTemplate.ts";
import type { Message } from "./segment.ts";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { bare, rich } from "./testing/definitions.ts";
import { assistant, call, system, user } from "./testing/messages.ts";
import { refusal } from "./testing/refusal.ts";
import { segmentsOf } from "./testing/segmentLines.ts";

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
