import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readRecord } from "../records/readRecord.ts";
import { findTemplate } from "../registry.ts";

interface GoldenPrompt {
  readonly style: string;
  readonly example: Readonly<Record<string, string>>;
  readonly prompt: string;
}
const golden = JSON.parse(readFileSync(new URL("../../golden/litgpt-prompt-styles.json", import.meta.url), "utf8")) as GoldenPrompt[];
const eos = "</s>";

describe("LitGPT's prompt styles", () => {
  it("covers 29 styles on 8 rows", () => {
    expect(golden.length).toBe(232);
    expect(new Set(golden.map(({ style }) => style)).size).toBe(29);
  });

  it.each(golden.map((one, i) => ({ ...one, i })))("$style, row $i, is LitGPT's text", ({ style, example, prompt }) => {
    const { segments } = findTemplate(style).render(readRecord(example), { addGenerationPrompt: true, specialTokens: { eos } });
    expect(segments.map(({ text }) => text).join("")).toBe(prompt);
  });

  it.each(golden.map((one, i) => ({ ...one, i })))("$style, row $i, trains the answer and one terminator", ({ style, example }) => {
    const template = findTemplate(style);
    const row = readRecord(example);
    const prompt = template.render(row, { addGenerationPrompt: true, specialTokens: { eos } }).segments;
    const whole = template.render(row, { specialTokens: { eos } }).segments;
    expect(whole.slice(0, prompt.length)).toEqual(prompt);
    const [answer, terminator, ...rest] = whole.slice(prompt.length);
    expect(answer).toMatchObject({
      text: example.output,
      kind: "content",
      part: "body",
      role: "assistant",
      field: "content",
      fieldStart: 0,
    });
    const [declared] = template.terminators;
    expect(terminator).toMatchObject({ text: declared === "eos" ? eos : declared, kind: "control", part: "terminator", role: "assistant" });
    expect(rest.every(({ part, text }) => part === "afterTerminator" && text.trim() === "")).toBe(true);
  });
});
