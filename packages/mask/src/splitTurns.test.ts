import { describe, expect, it } from "vitest";
import { encodeExamples, type Example } from "./index.ts";
import { encodeWords, warningCodes } from "./testing/encodeWords.ts";
import { chatml } from "./testing/renderings.ts";
import { createWordTokenizer } from "./testing/wordTokenizer.ts";

describe("splitTurns", () => {
  const rendering = chatml([
    { role: "system", content: "s" },
    { role: "user", content: "one" },
    { role: "user", content: "more" },
    { role: "assistant", content: "a" },
    { role: "user", content: "two" },
    { role: "assistant", content: "b c d e f" },
    { role: "user", content: "left over" },
  ]);
  const whole = encodeWords(rendering).ids.length;
  const split = (maxLength: number | undefined): readonly Example[] =>
    encodeExamples(rendering, createWordTokenizer(), { truncation: "splitTurns", maxLength });
  it("leaves alone what fits", () => {
    for (const maxLength of [undefined, whole]) {
      expect(split(maxLength)).toHaveLength(1);
      expect(warningCodes(split(maxLength)[0])).toEqual([]);
    }
    expect(encodeWords(rendering, { truncation: "splitTurns" }).ids).toHaveLength(whole);
  });
  it("keeps user turns that follow each other together, and leaves out rows without an answer", () => {
    const pieces = split(whole - 1);
    expect(pieces.flatMap((piece) => piece.spans.filter(({ part }) => part === "body").map(({ text }) => text))).toEqual([
      "s",
      "one",
      "more",
      "a",
      "two",
      "b c d e f",
    ]);
  });
  it("drops an exchange that does not fit alone", () => {
    // The first exchange fits exactly.
    const long = chatml(
      rendering.conversation.messages.map((message) => (message.content === "two" ? { ...message, content: "t ".repeat(40) } : message)),
    );
    const fits = encodeWords(chatml(long.conversation.messages.slice(0, 4))).ids.length;
    const pieces = encodeExamples(long, createWordTokenizer(), { truncation: "splitTurns", maxLength: fits });
    const longest = pieces[1];
    expect(pieces.map(({ dropped }) => dropped?.code ?? null)).toEqual([null, "cannot-shorten"]);
    expect(longest.dropped?.message).toBe(`Dropped: one exchange alone has ${longest.ids.length} tokens, the limit is ${fits}.`);
    expect(pieces[1].weights.every((weight) => weight === 0)).toBe(true);
  });
});
