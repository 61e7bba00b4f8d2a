import type { Rendering, Segment } from "@sft/templates";
import { describe, expect, it } from "vitest";
import { createMaskPolicy, encodeRendering, type Example, type MaskPolicy } from "./index.ts";
import { encodeWords, warningCodes } from "./testing/encodeWords.ts";
import { mockTokenizer } from "./testing/mockTokenizer.ts";
import { assistant, chatml, promptAnswer, user } from "./testing/renderings.ts";
import { createWordTokenizer } from "./testing/wordTokenizer.ts";

describe("reasons", () => {
  const conversation = chatml([
    { role: "system", content: "S" },
    user,
    { ...assistant, reasoning_content: "hm" },
    { role: "tool", content: "T" },
    { ...assistant, train: false },
    { ...user, train: true },
    { ...assistant, weight: 0.5, spans: [{ start: 1, end: 2, weight: 3 }] },
  ]);
  const bos = promptAnswer("u", "a", { bos: "<s>" });
  const reasons = (rendering: Rendering, mask: string | MaskPolicy): string[] =>
    encodeRendering(rendering, mockTokenizer, { mask }).spans.map(
      ({ text, weight, message, part, reason }) => `${JSON.stringify(text)} ${weight} (${message} ${part}) ${reason}`,
    );
  it.each(["completion", "assistant", "last", "axolotl", "unsloth", "trl"])("of the policy %s", (mask) => {
    expect(reasons(conversation, mask)).toMatchSnapshot();
  });
  it("of BOS and text outside messages", () => {
    expect(reasons(bos, "all")).toMatchSnapshot();
    expect(reasons(bos, createMaskPolicy("completion", { classWeights: { prompt: 0.1 } }))).toMatchSnapshot();
  });
  it("of generation blocks and text outside messages", () => {
    const { segments, ...rest } = promptAnswer("u", "a", { bos: "start" });
    const tagged = segments.map((segment) => (segment.text === "a" ? { ...segment, generation: true } : segment));
    const note = { ...segments[4], text: "note", kind: "literal" as const, field: null };
    const rendering = { ...rest, segments: [...tagged.slice(0, 4), note, ...tagged.slice(4)] };
    for (const mask of ["completion", "all"]) expect(reasons(rendering, mask)).toMatchSnapshot();
  });
  it("of switches", () => {
    const off = createMaskPolicy("assistant", { body: false, terminator: false, classWeights: { reasoning: 2 } });
    expect(reasons(conversation, off)).toMatchSnapshot();
  });
  it("of tokens across borders", () => {
    const emoji = chatml([{ role: "assistant", content: "\u{1F44D}", spans: [{ start: 0, end: 1, weight: 0.25 }] }]);
    expect(reasons(emoji, "last")).toMatchSnapshot();
    expect(reasons(emoji, createMaskPolicy("last", { straddle: "train" }))).toMatchSnapshot();
  });
});

describe("what a template writes to steer an answer", () => {
  const { segments, ...rest } = promptAnswer("Foo", "Bar", { after: " Out: " });
  const think: Segment = { ...segments[2], text: "<think></think> ", part: "body" };
  const steered = { ...rest, segments: [...segments.slice(0, 3), think, ...segments.slice(3)] };
  it("is trained on request only", () => {
    expect([...encodeWords(steered).weights]).toEqual([0, 0, 0, 0, 1, 1]);
    expect(encodeWords(steered).spans[3].reason).toBe("policy completion does not train what the template writes to steer the answer");
    const mask = createMaskPolicy("completion", { generationPrompt: true });
    expect([...encodeWords(steered, { mask }).weights]).toEqual([0, 0, 0, 1, 1, 1]);
  });
  it("belongs to the prompt of LitGPT's encoding", () => {
    expect([...encodeWords(steered, { mask: "litgpt" }).weights]).toEqual([0, 0, 0, 0, 1, 1]);
  });
  it("that asks for an answer leaves LitGPT's encoding with a prompt alone", () => {
    const prompt = { ...rest, segments: steered.segments.slice(0, 4) };
    const example = encodeWords(prompt, { mask: "litgpt", bos: true });
    expect([...example.ids]).toEqual([0, 2, 3, 4, 5]);
    expect(warningCodes(example)).toEqual(["all-masked"]);
  });
  it("outside every part is trained by all alone", () => {
    const outside: Segment = { ...segments[1], text: "note ", kind: "literal", part: "outside" };
    const noted = { ...rest, segments: [segments[0], outside, ...segments.slice(1)] };
    expect(encodeWords(noted, { mask: "all" }).weights[1]).toBe(1);
    const mask = createMaskPolicy("completion", { roles: ["user"] });
    expect(encodeWords(noted, { mask }).spans[1]).toMatchObject({ weight: 0, reason: "text outside every turn" });
  });
});

describe("character spans", () => {
  const weighted = (spans: { start: number; end: number; weight: number }[], fields: object = {}): Rendering =>
    chatml([
      { role: "user", content: "u" },
      { role: "assistant", content: "one two", spans, ...fields },
    ]);
  const body = (example: Example): number[] =>
    example.spans.filter(({ part, role }) => part === "body" && role === "assistant").map(({ weight }) => weight);
  it("may come in any order", () => {
    const spans = [
      { start: 4, end: 7, weight: 0.5 },
      { start: 0, end: 3, weight: 0.25 },
    ];
    expect(body(encodeWords(weighted(spans)))).toEqual([0.25, 0.5]);
  });
  it("do nothing in a message that is never trained", () => {
    expect(body(encodeWords(weighted([{ start: 0, end: 3, weight: 1 }], { train: false })))).toEqual([0]);
  });
  it("are multiplied by the weight of the text's class", () => {
    const rendering = weighted([{ start: 0, end: 7, weight: 0.5 }]);
    const segments = rendering.segments.map((segment) =>
      segment.field === "content" ? { ...segment, spanClass: "toolCall" as const } : segment,
    );
    const mask = createMaskPolicy("last", { classWeights: { toolCall: 4 } });
    expect(body(encodeWords({ ...rendering, segments }, { mask }))).toEqual([2]);
  });
  it("leave tokens without characters to the place where they stand", () => {
    const zeroWidth = createWordTokenizer();
    const narrowed = {
      ...zeroWidth,
      encodeContent(text: string) {
        const { ids, offsets } = zeroWidth.encodeContent(text);
        return { ids, offsets: offsets.map((_, i) => offsets[i - (i % 2)]) };
      },
    };
    expect(body(encodeRendering(weighted([{ start: 4, end: 7, weight: 0.5 }]), narrowed))).toEqual([1, 0.5]);
  });
});
