import { describe, expect, it } from "vitest";
import type { Example } from "./index.ts";
import { encodeWords } from "./testing/encodeWords.ts";
import { chatml, promptAnswer } from "./testing/renderings.ts";

const spanTexts = ({ spans }: Example): string[] => spans.map(({ start, end, text }) => `${end - start} ${text}`);

describe("spans of tokens that leave characters between them", () => {
  it("spell the whole text", () => {
    const example = encodeWords(promptAnswer(" one  two ", " three "));
    expect(spanTexts(example)).toEqual(["1 In: ", "2  one  two ", "1  Out:", "1  three ", "1 </s>"]);
    expect(example.spans.map(({ charStart, charEnd }) => [charStart, charEnd])).toEqual([
      [0, 4],
      [0, 10],
      [0, 5],
      [0, 7],
      [0, 4],
    ]);
  });
  it("meet where a weight changes", () => {
    const rendering = chatml([{ role: "assistant", content: "one  two three", spans: [{ start: 5, end: 8, weight: 0.5 }] }]);
    expect(spanTexts(encodeWords(rendering)).slice(1, -2)).toEqual(["1 one  ", "1 two ", "1 three"]);
  });
  it("keep text that has no token, in its place", () => {
    const example = encodeWords(promptAnswer("\u200b", "yes \u200b", { eos: "</s>" }));
    expect(spanTexts(example)).toEqual(["1 In: ", "0 \u200b", "1  Out:", "1 yes \u200b", "1 </s>"]);
    expect(example.spans[1]).toMatchObject({ start: 1, end: 1, weight: 0, trained: false, reason: "this text has no token of its own" });
    const last = encodeWords(promptAnswer("a", "yes", { eos: "\u200b" }));
    expect(spanTexts(last).at(-1)).toBe("0 \u200b");
  });
  it("end with their last token where text was cut", () => {
    const rendering = promptAnswer("one two three four", "yes");
    expect(spanTexts(encodeWords(rendering, { maxLength: 6, truncation: "keepResponse" }))).toEqual([
      "1 In: ",
      "2 one two",
      "1  Out:",
      "1 yes",
      "1 </s>",
    ]);
    expect(spanTexts(encodeWords(rendering, { maxLength: 5, truncation: "left" }))).toEqual(["2 three four", "1  Out:", "1 yes", "1 </s>"]);
    expect(spanTexts(encodeWords(rendering, { maxLength: 3, truncation: "right" }))).toEqual(["1 In: ", "2 one two"]);
  });
});
