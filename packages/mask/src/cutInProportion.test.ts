import { describe, expect, it } from "vitest";
import { encodeRendering } from "./index.ts";
import { chatml } from "./testing/renderings.ts";
import { createWordTokenizer } from "./testing/wordTokenizer.ts";

describe("cuts in proportion", () => {
  it("go turn by turn until the limit is used up", () => {
    const rendering = chatml([
      { role: "user", content: "u ".repeat(6) },
      { role: "assistant", content: "a ".repeat(6) },
      { role: "user", content: "v" },
      { role: "assistant", content: "b ".repeat(20) },
    ]);
    const tokenizer = createWordTokenizer();
    const whole = encodeRendering(rendering, tokenizer);
    const first = encodeRendering(chatml(rendering.conversation.messages.slice(0, 2)), tokenizer).ids.length;
    const { ids } = encodeRendering(rendering, tokenizer, { truncation: "proportion", maxLength: first + 12 });
    expect([...ids.subarray(0, first)]).toEqual([...whole.ids.subarray(0, first)]);
    // Of 12 tokens left for a prompt of 7 and an answer of 22, 12 * 22 / 29 = 9 go to the answer.
    expect(ids).toHaveLength(first + 12);
    const words = [...ids.subarray(first)].map((id) => tokenizer.words[id]);
    expect(words.filter((word) => word === "b")).toHaveLength(9);
    expect([...encodeRendering(rendering, tokenizer, { truncation: "proportion", maxLength: first }).ids]).toEqual([
      ...ids.subarray(0, first),
    ]);
  });
});
