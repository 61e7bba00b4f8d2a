import { describe, expect, it } from "vitest";
import { encodeWords } from "./testing/encodeWords.ts";
import { chatml } from "./testing/renderings.ts";

describe("keepResponse", () => {
  const words = (name: string, count: number): string => Array.from({ length: count }, (_, i) => `${name}${i}`).join(" ");
  const rendering = chatml([
    { role: "system", content: words("s", 3) },
    { role: "user", content: words("u", 10) },
    { role: "assistant", content: words("a", 20), train: false },
    { role: "user", content: words("v", 5) },
    { role: "assistant", content: words("b", 30) },
  ]);
  const whole = encodeWords(rendering).ids.length;
  const lengthsAfter = (cut: number): number[] =>
    encodeWords(rendering, { truncation: "keepResponse", maxLength: whole - cut })
      .spans.filter(({ part, text }) => part === "body" && text !== "")
      .map(({ start, end }) => end - start);
  it("shortens the longest untrained text first, down to the next longest, from its end", () => {
    expect(lengthsAfter(0)).toEqual([3, 10, 20, 5, 30]);
    expect(lengthsAfter(4)).toEqual([3, 10, 16, 5, 30]);
    expect(lengthsAfter(12)).toEqual([3, 9, 9, 5, 30]);
    expect(lengthsAfter(13)).toEqual([3, 9, 8, 5, 30]);
    expect(lengthsAfter(22)).toEqual([3, 5, 4, 4, 30]);
    expect(lengthsAfter(37)).toEqual([1, 30]);
    expect(lengthsAfter(38)).toEqual([30]);
    const { spans } = encodeWords(rendering, { truncation: "keepResponse", maxLength: whole - 4 });
    expect(spans.find(({ message, part }) => message === 2 && part === "body")?.text).toBe(words("a", 16));
  });
  it("drops the row when template and answer alone are too long", () => {
    expect(encodeWords(rendering, { truncation: "keepResponse", maxLength: whole - 39 }).dropped?.code).toBe("cannot-shorten");
  });
});
