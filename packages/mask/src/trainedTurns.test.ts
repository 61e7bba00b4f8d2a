import { describe, expect, it } from "vitest";
import { createMaskPolicy, type Example } from "./index.ts";
import { encodeWords } from "./testing/encodeWords.ts";
import { chatml, promptAnswer } from "./testing/renderings.ts";

describe("policies over roles and kinds of rows", () => {
  it("weigh a prompt by its message's weight", () => {
    const rendering = chatml([
      { role: "user", content: "u v", weight: 0.5 },
      { role: "assistant", content: "a" },
    ]);
    const mask = createMaskPolicy("last", { classWeights: { prompt: 0.5 } });
    expect(encodeWords(rendering, { mask }).spans.find(({ text }) => text === "u v")?.weight).toBe(0.25);
    const silenced = chatml([
      { role: "user", content: "u v", train: false },
      { role: "assistant", content: "a" },
    ]);
    expect(encodeWords(silenced, { mask }).spans.find(({ text }) => text === "u v")?.weight).toBe(0);
  });
  it("take prompt-completion rows as completions", () => {
    const { conversation, ...rest } = promptAnswer("Foo", "Bar");
    const named = (format: "prompt-completion" | "messages"): Example =>
      encodeWords({ ...rest, conversation: { ...conversation, record: { format } } });
    expect([named("prompt-completion").policy, named("messages").policy]).toEqual(["completion", "assistant"]);
  });
  it("name several roles", () => {
    const mask = createMaskPolicy("assistant", { roles: ["assistant", "critic"] });
    const rendering = chatml([
      { role: "user", content: "u" },
      { role: "critic", content: "c" },
    ]);
    const reasons = encodeWords(rendering, { mask }).spans.map(({ reason }) => reason);
    expect(reasons[0]).toBe("policy assistant with changes trains assistant, critic turns, this is a user turn");
    expect(reasons.at(-2)).toBe("terminator: policy assistant with changes trains this critic turn");
  });
  it("open a marker search at the first answer after each user turn", () => {
    const rendering = chatml([
      { role: "assistant", content: "greeting" },
      { role: "user", content: "u1" },
      { role: "system", content: "s" },
      { role: "assistant", content: "a1" },
      { role: "user", content: "u2" },
    ]);
    const trained = encodeWords(rendering, { mask: "unsloth" }).spans.filter((span) => span.trained && span.part === "body");
    expect(trained.map(({ text }) => text)).toEqual(["greeting", "a1"]);
  });
});
