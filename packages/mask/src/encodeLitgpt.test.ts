import type { Segment } from "@sft/templates";
import { expect, it } from "vitest";
import { encodeLitgpt } from "./encodeLitgpt.ts";
import type { MaskTokenizer } from "./maskTokenizer.ts";
import { mockTokenizer } from "./testing/mockTokenizer.ts";

const user: Segment = { text: "", kind: "content", role: "user", message: 0, field: "content", fieldStart: 0, part: "body" };
const question = (text: string): Segment => ({ ...user, text });
const asks: Segment = { ...user, text: ">", kind: "generationPrompt", role: "assistant", message: 1, part: "header", field: null };
const answer = (text: string): Segment => ({ ...user, text, role: "assistant", message: 1 });
const end: Segment = { ...asks, text: "</s>", kind: "control", part: "terminator" };

const textOf = (segments: readonly Segment[], useBos = false, tokenizer: MaskTokenizer = mockTokenizer): string => {
  const table = encodeLitgpt(segments, tokenizer, { useBos });
  // The mock's ids are code points but for its BOS <s>, 0, and its EOS </s>, 1.
  return table.ids.map((id) => (id === 0 ? "[bos]" : id === 1 ? "[eos]" : String.fromCodePoint(id))).join("");
};

it.each<[string, readonly Segment[], boolean, string]>([
  ["a question and its answer", [question("q"), asks, answer("a"), end], false, "q>a[eos]"],
  ["BOS where the tokenizer adds it", [question("q"), asks, answer("a"), end], true, "[bos]q>a[eos]"],
  ["BOS once, where the text has it", [question("<s>q"), asks, answer("a"), end], true, "[bos]q>a[eos]"],
  ["no BOS where it must not be, though the text has it", [question("<s>q"), asks, answer("a"), end], false, "q>a[eos]"],
  ["no BOS before the answer", [question("q"), asks, answer("<s>a"), end], true, "[bos]q>a[eos]"],
  ["an answer that ends in EOS loses it, a known fault", [question("q"), asks, answer("a</s>"), end], false, "q>a"],
  ["a prompt that ends in EOS loses it too", [question("q</s>"), answer("a"), end], false, "qa[eos]"],
  ["an answer alone", [answer("a"), end], false, "a[eos]"],
  ["an answer alone takes no BOS: there is no prompt", [answer("a"), end], true, "a[eos]"],
  ["a prompt alone", [question("q"), asks], true, "[bos]q>"],
  ["a question behind the last answer asks for another", [answer("a"), question("q"), { ...asks, message: 2 }], false, "aq>"],
  ["what stands behind the answer is left out", [question("q"), asks, answer("a"), end, question("z")], false, "q>a[eos]"],
  ["nothing", [], true, ""],
])("%s", (_, segments, useBos, text) => {
  expect(textOf(segments, useBos)).toBe(text);
});

it("says where the lost EOS was, and that a tokenizer without one cannot be used", () => {
  const { warnings } = encodeLitgpt([question("q"), asks, answer("a</s>"), end], mockTokenizer, { useBos: false });
  expect(warnings.map(({ code }) => code)).toEqual(["eos-stripped"]);
  expect(() => encodeLitgpt([question("q")], { ...mockTokenizer, eos: null }, { useBos: false, row: 4 })).toThrow(
    expect.objectContaining({ code: "missing-eos", message: expect.stringContaining("row 4") }),
  );
});

it("a tokenizer without BOS adds none", () => {
  expect(textOf([question("q"), asks, answer("a"), end], true, { ...mockTokenizer, bos: null })).toBe("q>a[eos]");
});

it("each token has its place in its segment, BOS included", () => {
  const table = encodeLitgpt([question("q"), asks, answer("ab"), end], mockTokenizer, { useBos: true });
  expect([table.owner, table.from, table.to]).toEqual([
    [0, 0, 1, 2, 2, 3],
    [0, 0, 0, 0, 1, 0],
    [0, 1, 1, 1, 2, 4],
  ]);
  expect(table.segments.at(-1)).toMatchObject({ kind: "control", part: "terminator", role: "assistant", message: 1 });
});
