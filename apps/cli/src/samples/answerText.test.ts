import { loadTokenizer } from "@sft/tokenizer/node";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { AnswerText } from "./answerText.ts";

const tokenizer = await loadTokenizer(fileURLToPath(new URL("../../dictionary/model", import.meta.url)));

/** What a reader sees, piece by piece. */
function stream(text: string, stops: readonly string[] = []): readonly string[] {
  const tokens = Array.from(tokenizer.encode(text).ids);
  const answer = new AnswerText(tokenizer, stops);
  const pieces = tokens.map((_, index) => answer.next(tokens.slice(0, index + 1)));
  return [...pieces, answer.next(tokens, true)];
}

describe("AnswerText", () => {
  it.each(["A strong positive emotion.", "naïve 👩‍💻 café, 中文 text", "trailing space ", ""])(
    "gives out %j piece by piece, whole characters only",
    (text) => {
      const pieces = stream(text);
      expect(pieces.join("")).toBe(text);
      expect(pieces.some((piece) => piece.includes("\uFFFD"))).toBe(false);
    },
  );

  it("ends before a stop string and never shows the beginning of one", () => {
    expect(stream("one\n\ntwo\n### End", ["\n### "]).join("")).toBe("one\n\ntwo");
    expect(stream("one # two", ["\n### "]).join("")).toBe("one # two");
    const answer = new AnswerText(tokenizer, ["END"]);
    const tokens = Array.from(tokenizer.encode("abc END def").ids);
    expect(answer.hasStopped(tokens)).toBe(true);
    expect(answer.textOf(tokens)).toBe("abc ");
  });
});
