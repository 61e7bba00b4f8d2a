import type { Rendering } from "@sft/templates";
import { describe, expect, it } from "vitest";
import { createMaskPolicy, encodeExamples, type EncodeOptions, type TruncationStrategy } from "./index.ts";
import { mockTokenizer } from "./testing/mockTokenizer.ts";
import { assistant, chatml, promptAnswer, user } from "./testing/renderings.ts";

describe("warnings", () => {
  const conversation = chatml([user, assistant, { role: "user", content: "what is it?" }, { role: "assistant", content: "done" }]);
  const warnings = (rendering: Rendering, options: EncodeOptions): string[] =>
    encodeExamples(rendering, mockTokenizer, options).flatMap((example) =>
      example.warnings.map(({ code, message, token }) => `${code} at ${token} | ${message}`),
    );
  it.each<[TruncationStrategy, number]>([
    ["drop", 50],
    ["keepResponse", 47],
    ["keepResponse", 20],
    ["splitTurns", 30],
    ["left", 30],
    ["right", 42],
    ["proportion", 20],
  ])("of the truncation %s to %i tokens", (truncation, maxLength) => {
    expect(warnings(conversation, { truncation, maxLength })).toMatchSnapshot();
  });
  it("of encoding", () => {
    const joint = createMaskPolicy("last", { encoding: "joint" });
    expect(warnings(chatml([{ role: "user", content: "<s>" }, assistant]), { mask: joint })).toMatchSnapshot();
    expect(warnings(promptAnswer("u", "a</s>"), { mask: "litgpt" })).toMatchSnapshot();
    expect(warnings(promptAnswer("u", "a</s>"), { control: "allow" })).toMatchSnapshot();
    expect(warnings(chatml([user]), {})).toMatchSnapshot();
  });
});
