import { describe, expect, it } from "vitest";
import { createMaskPolicy, encodeRendering } from "./index.ts";
import { encodeWords } from "./testing/encodeWords.ts";
import { promptAnswer } from "./testing/renderings.ts";
import { createWordTokenizer } from "./testing/wordTokenizer.ts";

const joint = createMaskPolicy("completion", { encoding: "joint" });

describe("bos", () => {
  const rendering = promptAnswer("Foo", "Bar", { after: " Out: " });
  it("comes first on request, once, and is never trained", () => {
    for (const mask of ["completion", "all", joint]) {
      const tokenizer = createWordTokenizer();
      const example = encodeRendering(rendering, tokenizer, { mask, bos: true });
      expect([...example.ids].map((id) => tokenizer.words[id])).toEqual(["<s>", "In:", "Foo", "Out:", "Bar", "</s>"]);
      expect(example.weights[0]).toBe(0);
      expect(example.spans[0]).toMatchObject({ text: "<s>", kind: "control", part: "outside", message: null, role: null, field: null });
    }
    const written = promptAnswer("Foo", "Bar", { bos: "<s>", after: " Out: " });
    expect([...encodeWords(written, { bos: true }).ids]).toEqual([0, 2, 3, 4, 5, 1]);
    expect([...encodeWords(rendering, { bos: false }).ids]).toEqual([2, 3, 4, 5, 1]);
  });
  it("is put before content that reads like it", () => {
    const { segments, ...rest } = rendering;
    const quoting = { ...rest, segments: [{ ...segments[1], text: "<s>" }, ...segments.slice(1)] };
    expect([...encodeWords(quoting, { bos: true }).ids].slice(0, 2)).toEqual([0, 2]);
  });
  it("is left out where the tokenizer has none", () => {
    const without = { ...createWordTokenizer(), bos: null };
    expect([...encodeRendering(rendering, without, { bos: true }).ids]).toEqual([2, 3, 4, 5, 1]);
    const all = encodeRendering(rendering, without, { mask: "all" });
    expect([...all.weights]).toEqual([0, 1, 1, 1, 1]);
  });
  it("is not a target inside a row either, except as the token that ends a turn", () => {
    const { segments, ...rest } = rendering;
    const inside = { ...rest, segments: [segments[0], { ...segments[0], text: "<s>", kind: "control" as const }, ...segments.slice(1)] };
    const example = encodeWords(inside, { mask: "all" });
    expect([...example.weights]).toEqual([0, 0, 1, 1, 1, 1]);
    expect(example.spans[1].reason).toBe("BOS is never a target");
    const masked = encodeWords(inside);
    expect(masked.spans[1].reason).not.toBe("BOS is never a target");
    const shared = { ...createWordTokenizer(), bos: { id: 1, text: "</s>" } };
    expect(encodeRendering(rendering, shared).weights.at(-1)).toBe(1);
  });
  it("follows add_bos_token under LitGPT's encoding", () => {
    const adding = { ...createWordTokenizer(), addBosToken: true };
    expect(encodeRendering(rendering, adding, { mask: "litgpt" }).ids[0]).toBe(0);
    expect(encodeRendering(rendering, adding, { mask: "litgpt", bos: false }).ids[0]).toBe(2);
    expect(encodeRendering(rendering, adding).ids[0]).toBe(2);
  });
});
