import { describe, expect, it } from "vitest";
import {
  assertPromptParity,
  diffMasks,
  encodeRendering,
  explain,
  measureSupervisedShare,
  padBatch,
  resolveMaskPolicy,
  shiftTargets,
  toLabels,
} from "./index.ts";
import { mockTokenizer } from "./testing/mockTokenizer.ts";
import { chatml, promptAnswer } from "./testing/renderings.ts";

const messages = [
  { role: "user", content: "u" },
  { role: "assistant", content: "ab" },
];
const example = encodeRendering(chatml(messages), mockTokenizer);

describe("toLabels", () => {
  it("writes labels for losses that shift and for losses that do not", () => {
    const small = { ids: Int32Array.of(7, 8, 9), weights: Float32Array.of(0, 0, 0.5) };
    expect([...toLabels(small)]).toEqual([-100, -100, 9]);
    expect([...toLabels(small, { shifted: true, ignoreIndex: -1 })]).toEqual([-1, 9, -1]);
    const all = { ids: Int32Array.of(7, 8, 9), weights: Float32Array.of(0, 1, 1) };
    expect([...toLabels(all, { shifted: true })]).toEqual([8, 9, -100]);
  });
});

describe("explain", () => {
  it("says for each token why", () => {
    const rows = explain(example, mockTokenizer);
    expect(rows.map((row) => row.index)).toEqual(Array.from(example.ids, (_, i) => i));
    expect(rows.map((row) => row.text).join("")).toBe(
      chatml(messages)
        .segments.map((segment) => segment.text)
        .join(""),
    );
    expect([...new Set(rows.map((row) => `${row.trained ? "+" : "-"} ${row.reason}`))]).toMatchInlineSnapshot(`
      [
        "- policy assistant trains assistant turns, this is a user turn",
        "- policy assistant does not train headers",
        "+ body: policy assistant trains this assistant turn",
        "+ terminator: policy assistant trains this assistant turn",
        "- policy assistant does not train what follows a terminator",
      ]
    `);
  });
});

describe("explain without a tokenizer", () => {
  it("gives each token its span's text", () => {
    expect(explain(example).at(-1)).toMatchObject({ text: "\n", index: example.ids.length - 1, trained: false });
  });
});

describe("spans", () => {
  it("tile the tokens and spell the text", () => {
    let end = 0;
    for (const span of example.spans) {
      expect(span.start).toBe(end);
      end = span.end;
      expect([...example.weights.subarray(span.start, span.end)].every((weight) => weight === span.weight)).toBe(true);
    }
    expect(end).toBe(example.ids.length);
  });
});

describe("diffMasks", () => {
  it("names the text whose training state changes", () => {
    const other = encodeRendering(chatml(messages), mockTokenizer, { mask: "trl-assistant" });
    expect(diffMasks(example, other)).toEqual([
      expect.objectContaining({
        message: 1,
        part: "afterTerminator",
        text: "\n",
        before: expect.objectContaining({ weight: 0 }),
        after: expect.objectContaining({ weight: 1 }),
      }),
    ]);
    expect(diffMasks(example, example)).toEqual([]);
  });
  it("cuts text where either side changes its weight", () => {
    const weighted = encodeRendering(
      chatml([messages[0], { ...messages[1], content: "abcdef", spans: [{ start: 2, end: 4, weight: 0.5 }] }]),
      mockTokenizer,
    );
    const plain = encodeRendering(chatml([messages[0], { ...messages[1], content: "abcdef" }]), mockTokenizer);
    const [change, ...rest] = diffMasks(plain, weighted);
    expect(rest).toEqual([]);
    const body = plain.spans.find(({ text }) => text === "abcdef");
    expect(change).toEqual({
      message: 1,
      role: "assistant",
      part: "body",
      field: "content",
      text: "cd",
      before: { weight: 1, reason: "body: policy assistant trains this assistant turn", tokens: { start: body?.start, end: body?.end } },
      after: {
        weight: 0.5,
        reason: "characters 2 to 4 of the message have weight 0.5",
        tokens: { start: (body?.start ?? 0) + 2, end: (body?.start ?? 0) + 4 },
      },
    });
    expect(diffMasks(weighted, plain).map(({ text, before, after }) => [text, before?.weight, after?.weight])).toEqual([["cd", 0.5, 1]]);
  });
  it("tells a template's words by their place in the turn, and turns without a message by their role", () => {
    const [a, b] = ["system says:", "user says:"].map((before) =>
      encodeRendering(promptAnswer("x", "y", { before, bos: "<s>" }), mockTokenizer),
    );
    expect(diffMasks(a, b).map(({ text, before, after }) => [text, before === null, after === null])).toEqual([["s:", false, true]]);
    const outside = example.spans.map((span) => ({ ...span, message: null, trained: false, weight: span.role === "user" ? 1 : 0 }));
    const masked = outside.map((span) => ({ ...span, weight: 0 }));
    expect(diffMasks({ spans: outside }, { spans: masked }).every(({ role }) => role === "user")).toBe(true);
  });
  it("finds text that only one side has", () => {
    const none = { spans: [] };
    const count = new Set(example.spans.map(({ message, part, field }) => `${message} ${part} ${field}`)).size;
    expect(diffMasks(none, example).filter(({ before }) => before === null)).toHaveLength(count);
    expect(diffMasks(example, none).filter(({ after }) => after === null)).toHaveLength(count);
  });
  it("shows both texts where the sides train another in one place, and neither where both only read it", () => {
    const [a, b] = ["ab", "cd"].map((content) =>
      encodeRendering(
        chatml([
          { ...messages[0], content: `u${content}` },
          { ...messages[1], content },
        ]),
        mockTokenizer,
      ),
    );
    expect(diffMasks(a!, b!).map(({ text, role, before, after }) => [text, role, before?.weight, after?.weight])).toEqual([
      ["ab", "assistant", 1, undefined],
      ["cd", "assistant", undefined, 1],
    ]);
  });
  it("finds text that one side lost", () => {
    const long = promptAnswer("abcdefgh", "xy");
    const whole = encodeRendering(long, mockTokenizer);
    const short = encodeRendering(long, mockTokenizer, { maxLength: whole.ids.length - 3, truncation: "keepResponse" });
    expect(diffMasks(whole, short).map(({ text, after }) => [text, after])).toEqual([["fgh", null]]);
  });
});

describe("assertPromptParity", () => {
  it("accepts the prompt that training used", () => {
    const prompt = encodeRendering(chatml(messages.slice(0, 1), { generationPrompt: true }), mockTokenizer);
    assertPromptParity(prompt, example);
    expect(prompt.weights.every((weight) => weight === 0)).toBe(true);
  });
  it("names the first token that differs", () => {
    const prompt = { ids: example.ids.slice(0, 9).with(8, 5) };
    expect(() => assertPromptParity(prompt, { ...example, row: 4 })).toThrow(/row 4: .*token 8 is 5 in the prompt/);
  });
});

describe("measureSupervisedShare", () => {
  it("counts dropped and all-masked rows apart", () => {
    const dropped = encodeRendering(chatml(messages), mockTokenizer, { maxLength: 3 });
    const masked = encodeRendering(chatml(messages.slice(0, 1)), mockTokenizer);
    const supervised = 3;
    expect(measureSupervisedShare([])).toEqual({ examples: 0, dropped: 0, allMasked: 0, tokens: 0, supervised: 0, share: 0 });
    const tokens = example.ids.length + masked.ids.length;
    expect(measureSupervisedShare([example, dropped, masked])).toEqual({
      examples: 3,
      dropped: 1,
      allMasked: 1,
      tokens,
      supervised,
      share: supervised / tokens,
    });
  });
});

describe("errors", () => {
  it("names the known policies", () => {
    expect(() => resolveMaskPolicy("asistant")).toThrow(/got "asistant"\. Known: completion, assistant, last, all, litgpt/);
    expect(() => resolveMaskPolicy("toString")).toThrow(expect.objectContaining({ code: "unknown-mask-policy" }));
  });
  it("refuses rows that do not fit a batch", () => {
    expect(() => padBatch([shiftTargets(example)], { length: 2 })).toThrow(expect.objectContaining({ code: "row-too-long" }));
    expect(() => padBatch([], { multipleOf: 0 })).toThrow(expect.objectContaining({ code: "invalid-length" }));
    const uneven = { ids: Int32Array.of(1, 2), weights: Float32Array.of(0) };
    expect(() => shiftTargets(uneven)).toThrow(expect.objectContaining({ code: "length-mismatch" }));
  });
  it("sends splitTurns to encodeExamples", () => {
    const options = { maxLength: 9, truncation: "splitTurns" } as const;
    expect(() => encodeRendering(chatml(messages), mockTokenizer, options)).toThrow(expect.objectContaining({ code: "several-examples" }));
  });
});
