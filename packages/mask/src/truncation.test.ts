import { describe, expect, it } from "vitest";
import { encodeRendering } from "./index.ts";
import { encodeWords, warningCodes } from "./testing/encodeWords.ts";
import { promptAnswer } from "./testing/renderings.ts";
import { createWordTokenizer } from "./testing/wordTokenizer.ts";

describe("plain cuts", () => {
  const rendering = promptAnswer("one two three", "yes", { after: " Out: ", bos: "<s>" });
  const cut = (truncation: "left" | "right", maxLength: number): string => {
    const tokenizer = createWordTokenizer();
    const { ids } = encodeRendering(rendering, tokenizer, { truncation, maxLength });
    return [...ids].map((id) => tokenizer.words[id]).join(" ");
  };
  it("on the left keep a leading BOS while there is room for more", () => {
    expect(cut("left", 5)).toBe("<s> three Out: yes </s>");
    expect(cut("left", 2)).toBe("<s> </s>");
    expect(cut("left", 1)).toBe("</s>");
    expect(cut("left", 8)).toBe("<s> In: one two three Out: yes </s>");
  });
  it("on the right keep the start", () => {
    expect(cut("right", 3)).toBe("<s> In: one");
  });
  it("say only what was cut", () => {
    const warned = (truncation: "left" | "right" | "keepResponse", maxLength: number): string[] =>
      warningCodes(encodeWords(rendering, { truncation, maxLength }));
    expect(warned("left", 5)).toEqual(["prompt-cut"]);
    expect(warned("right", 7)).toEqual(["terminator-cut", "no-terminator"]);
    expect(warned("right", 8)).toEqual([]);
    expect(warned("keepResponse", 8)).toEqual([]);
    expect(encodeWords(rendering, { truncation: "keepResponse", maxLength: 6 }).warnings).toEqual([
      { code: "prompt-shortened", message: "2 tokens of record text were cut to fit 6.", token: null },
    ]);
  });
});
