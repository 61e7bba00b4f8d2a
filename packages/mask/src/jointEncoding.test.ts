import { tokenizerFolder } from "@sft/fixtures";
import type { Rendering, Segment } from "@sft/templates";
import type { Tokenizer } from "@sft/tokenizer";
import { loadTokenizer } from "@sft/tokenizer/node";
import { beforeAll, describe, expect, it } from "vitest";
import { createMaskPolicy, doctor, encodeRendering, type Example, type StraddlePolicy } from "./index.ts";
import { encodeWords, warningCodes } from "./testing/encodeWords.ts";
import { mockTokenizer } from "./testing/mockTokenizer.ts";
import { promptAnswer } from "./testing/renderings.ts";

// Llama 3's tokenizer holds cl100k's merges under the same ids, so that ids printed for cl100k are its ids too.
let llama3: Tokenizer;
beforeAll(async () => {
  llama3 = await loadTokenizer(tokenizerFolder("llama3_1"));
});

const joint = (straddle: StraddlePolicy) => createMaskPolicy("completion", { encoding: "joint", straddle });
const bare = (prompt: string, answer: string): Rendering => promptAnswer("", answer, { before: "", after: prompt, eos: "" });
const trained = ({ weights }: Example): number[] => [...weights].flatMap((weight, i) => (weight > 0 ? [i] : []));

describe("conformance case 3: prompt and answer merge into one token", () => {
  const rendering = bare("### Response:\n", "\nParis");
  it("keeps them apart by default", () => {
    const example = encodeRendering(rendering, llama3);
    expect([...example.ids]).toEqual([14711, 6075, 512, 198, 60704]);
    expect(trained(example)).toEqual([3, 4]);
  });
  it("flags the straddling token in joint encoding and follows the straddle policy", () => {
    const masked = encodeRendering(rendering, llama3, { mask: joint("mask") });
    expect([...masked.ids]).toEqual([14711, 6075, 1473, 60704]);
    expect(trained(masked)).toEqual([3]);
    expect(masked.warnings).toContainEqual(expect.objectContaining({ code: "straddling-token", token: 2 }));
    expect(trained(encodeRendering(rendering, llama3, { mask: joint("train") }))).toEqual([2, 3]);
    expect(() => encodeRendering(rendering, llama3, { mask: joint("error"), row: 7 })).toThrow(
      expect.objectContaining({ code: "straddling-token", values: expect.objectContaining({ row: 7 }) }),
    );
  });
  it("is a finding of the doctor", () => {
    const example = encodeRendering(rendering, llama3);
    const findings = doctor([{ rendering, example }], { tokenizer: llama3, rules: { "no-terminator": "off", "empty-turn": "off" } });
    expect(findings.map(({ rule }) => rule)).toEqual(["boundary-merge"]);
  });
});

describe("conformance case 4: a prompt that ends in a space", () => {
  it.each([
    ["Answer: ", "Paris", [16533, 25, 220, 60704], [16533, 25, 12366]],
    ["Count: ", "12345", [2568, 25, 220, 4513, 1774], [2568, 25, 220, 4513, 1774]],
    ["Count: 12", "345", [2568, 25, 220, 717, 12901], [2568, 25, 220, 4513, 1774]],
  ])("%j + %j", (prompt, answer, apart, together) => {
    expect([...encodeRendering(bare(prompt, answer), llama3).ids]).toEqual(apart);
    expect([...encodeRendering(bare(prompt, answer), llama3, { mask: joint("mask") }).ids]).toEqual(together);
  });
  it("is said by the doctor", () => {
    const rendering = bare("Answer: ", "Paris");
    const findings = doctor([{ rendering, example: encodeRendering(rendering, llama3) }], { tokenizer: llama3 });
    expect(findings.find(({ rule }) => rule === "boundary-merge")?.message).toContain("The prompt ends in a space.");
  });
});

describe("conformance case 5: characters of several tokens", () => {
  const rendering = bare("emoji: ", "👩‍💻!");
  it("loses no token and trains all tokens of a character", () => {
    // cl100k's 378, 235 (the joiner U+200D) are one token, 102470, among the merges that Llama 3 added.
    const apart = encodeRendering(rendering, llama3);
    expect([...apart.ids]).toEqual([38623, 25, 220, 9468, 239, 102, 102470, 93273, 119, 0]);
    expect(trained(apart)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    const together = encodeRendering(rendering, llama3, { mask: joint("train") });
    expect([...together.ids]).toEqual([38623, 25, 62904, 102, 102470, 93273, 119, 0]);
    expect(trained(together)).toEqual([2, 3, 4, 5, 6, 7]);
  });
  it("never cuts a character in two when content is shortened", () => {
    const long = promptAnswer("a👩‍💻b", "ok");
    const length = encodeRendering(long, llama3).ids.length;
    for (let cut = 1; cut < 9; cut++) {
      const example = encodeRendering(long, llama3, { maxLength: length - cut, truncation: "keepResponse" });
      const content = example.spans.find((span) => span.kind === "content" && span.message === 0);
      const kept = content === undefined ? "" : llama3.decode(example.ids.subarray(content.start, content.end));
      expect(kept).toBe(content?.text ?? "");
      expect("a👩‍💻b".startsWith(kept)).toBe(true);
      expect(example.ids.length).toBeLessThanOrEqual(length - cut);
    }
  });
});

describe("joint encoding of a record with control-token text", () => {
  const hostile = promptAnswer("x</s>y", "ok");
  it("encodes such a row segment by segment", () => {
    const example = encodeRendering(hostile, mockTokenizer, { mask: joint("mask") });
    expect([...example.ids].filter((id) => id === 1)).toHaveLength(1);
    expect(example.warnings.map(({ code }) => code)).toEqual(["joint-refused"]);
  });
  it("lets it through on request and refuses it on request", () => {
    const allowed = encodeRendering(hostile, mockTokenizer, { mask: joint("mask"), control: "allow" });
    expect([...allowed.ids].filter((id) => id === 1)).toHaveLength(2);
    expect(() => encodeRendering(hostile, mockTokenizer, { mask: joint("mask"), control: "reject" })).toThrow(
      expect.objectContaining({ code: "control-token-in-content" }),
    );
  });
});

describe("joint encoding", () => {
  const merging = promptAnswer("Foo", "Bar baz");
  it("gives a token across prompt and answer to the straddle policy", () => {
    for (const [straddle, weight] of [
      ["mask", 0],
      ["train", 1],
    ] as const) {
      const example = encodeWords(merging, { mask: joint(straddle) });
      expect([...example.weights]).toEqual([0, 0, weight, 1, 1]);
      expect(example.warnings).toEqual([
        {
          code: "straddling-token",
          token: 2,
          message: "Token 2 reaches from the header of message 1 (assistant) into the body of message 1 (assistant).",
        },
      ]);
      expect(example.spans[2]?.reason).toBe(
        `token 2 crosses the border of two segments; straddle: "${straddle}" gives it weight ${weight}`,
      );
    }
    expect(() => encodeWords(merging, { mask: joint("error") })).toThrow(
      "token 2 crosses the border of two segments, with weights 0 and 1.",
    );
  });
  it("has nothing to say of tokens inside one part", () => {
    const { segments, ...rest } = promptAnswer("Foo", "Bar", { after: " Out: " });
    const split = segments.flatMap((segment): Segment[] =>
      segment.text === "Foo"
        ? [
            { ...segment, text: "Fo" },
            { ...segment, text: "o", fieldStart: 2 },
          ]
        : [segment],
    );
    const example = encodeWords({ ...rest, segments: split }, { mask: joint("error") });
    expect(warningCodes(example)).toEqual([]);
    expect(example.ids).toHaveLength(5);
  });
  it("names text outside messages", () => {
    const rendering = promptAnswer("Foo", "Bar", { bos: "begin:", after: " Out: " });
    expect(encodeWords(rendering, { mask: joint("mask") }).warnings.map(({ message }) => message)).toEqual([
      "Token 0 reaches from the outside of no message into the header of message 0 (user).",
    ]);
  });
  it("takes an empty rendering", () => {
    const empty = { ...merging, segments: [] };
    for (const mask of [joint("mask"), "completion", "litgpt"]) {
      expect(encodeWords(empty, { mask })).toMatchObject({ ids: new Int32Array(0), spans: [], warnings: [{ code: "all-masked" }] });
    }
  });
});
