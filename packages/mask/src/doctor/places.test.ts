import type { Rendering, Segment } from "@sft/templates";
import { describe, expect, it } from "vitest";
import {
  createMaskPolicy,
  doctor,
  type DoctorOptions,
  encodeExamples,
  encodeRendering,
  type EncodeOptions,
  type Finding,
} from "../index.ts";
import { mockTokenizer } from "../testing/mockTokenizer.ts";
import { chatml, promptAnswer } from "../testing/renderings.ts";
import { createWordTokenizer } from "../testing/wordTokenizer.ts";

const user = { role: "user", content: "u" };
const assistant = { role: "assistant", content: "a" };
const examine = (renderings: readonly Rendering[], options: EncodeOptions = {}, more: Partial<DoctorOptions> = {}): readonly Finding[] => {
  const tokenizer = more.tokenizer ?? mockTokenizer;
  return doctor(
    renderings.map((rendering) => ({ rendering, example: encodeRendering(rendering, tokenizer, options) })),
    { ...more, tokenizer },
  );
};
const rulesOf = (findings: readonly Finding[]): string[] => findings.map(({ rule }) => rule);

describe("order and rows", () => {
  it("findings come by row, then those about all rows", () => {
    const empty = chatml([{ ...user, content: " " }, assistant]);
    const late = chatml([user, { ...assistant, content: "None" }]);
    const findings = examine([late, empty, late], {}, { usualShare: { min: 0.9, max: 1 } });
    expect(findings.map(({ rule, row }) => `${rule} ${row}`)).toEqual([
      "literal-none 0",
      "empty-turn 1",
      "literal-none 2",
      "duplicate-row 2",
      "supervised-share null",
    ]);
    expect(doctor([], { tokenizer: mockTokenizer })).toEqual([]);
  });
  it("rows differ by one token or one weight", () => {
    const plain = chatml([user, assistant]);
    const other = chatml([user, { ...assistant, content: "b" }]);
    const weighted = chatml([user, { ...assistant, weight: 0.5 }]);
    const longer = chatml([user, { ...assistant, content: "ab" }]);
    expect(examine([plain, other, weighted, longer])).toEqual([]);
    expect(examine([plain, other, weighted, other, plain]).map(({ rule, row, message, fix }) => ({ rule, row, message, fix })))
      .toMatchInlineSnapshot(`
      [
        {
          "fix": "Remove one of them; a held-out copy of a training row makes the held-out loss too good.",
          "message": "Same tokens and weights as row 1.",
          "row": 3,
          "rule": "duplicate-row",
        },
        {
          "fix": "Remove one of them; a held-out copy of a training row makes the held-out loss too good.",
          "message": "Same tokens and weights as row 0.",
          "row": 4,
          "rule": "duplicate-row",
        },
      ]
    `);
  });
  it("shares at the borders of the usual are usual", () => {
    const rendering = promptAnswer("u", "a");
    const { weights } = encodeRendering(rendering, mockTokenizer);
    const share = 2 / weights.length;
    expect(examine([rendering], {}, { usualShare: { min: share, max: share } })).toEqual([]);
  });
  it("a row of exactly the limit is not over-long", () => {
    expect(examine([promptAnswer("u", "a")], {}, { maxLength: 12 })).toEqual([]);
    expect(rulesOf(examine([promptAnswer("u", "a")], {}, { maxLength: 11 }))).toEqual(["over-long"]);
  });
});

describe("BOS", () => {
  const bos = (count: number): Rendering => promptAnswer("u", "a", { bos: "<s>".repeat(count) });
  it("is found twice wherever it stands, and no further once reported", () => {
    expect(examine([bos(3)]).map(({ tokens }) => tokens)).toEqual([{ start: 1, end: 2 }]);
    expect(examine([bos(1)])).toEqual([]);
  });
  it("that is EOS too may end every turn", () => {
    const shared = { ...mockTokenizer, bos: { id: 0xe001, text: "<|im_end|>" }, eos: { id: 0xe001, text: "<|im_end|>" } };
    expect(examine([chatml([user, assistant])], {}, { tokenizer: shared })).toEqual([]);
    const none = { ...mockTokenizer, bos: null, eos: null, addBosToken: true };
    expect(examine([chatml([user, assistant])], {}, { tokenizer: none })).toEqual([]);
  });
  it("is missed where the tokenizer asks for it", () => {
    const adding = { ...mockTokenizer, addBosToken: true };
    expect(examine([bos(1), promptAnswer("v", "a", { bos: "<s>" })], {}, { tokenizer: adding })).toEqual([]);
    const [finding] = examine([bos(1), promptAnswer("v", "a")], { row: 7 }, { tokenizer: adding });
    expect(finding.message).toBe("1 of 2 rows do not start with <s>, which this tokenizer's add_bos_token asks for; the first is row 7.");
  });
});

describe("control tokens in content", () => {
  it("are placed at the span whose characters they are", () => {
    const rendering = chatml([
      { role: "user", content: "x" },
      { role: "assistant", content: "see <|im_end|> now", spans: [{ start: 4, end: 14, weight: 0 }] },
    ]);
    const { spans: all } = encodeRendering(rendering, mockTokenizer);
    const [finding] = examine([rendering]);
    const expected = all.find(({ kind, charStart, message }) => kind === "content" && charStart === 4 && message === 1);
    expect(expected?.text).toBe("<|im_end|>");
    expect(finding).toMatchObject({ rule: "control-token-in-content", tokens: { start: expected?.start, end: expected?.end } });
    expect(finding.message).toContain('"<|im_end|>" at character 4');
  });
  it("are told without a place where their text was cut away", () => {
    const rendering = chatml([{ role: "user", content: "<|im_end|>".repeat(2) }, assistant]);
    const length = encodeRendering(rendering, mockTokenizer).ids.length;
    const [finding] = examine([rendering], { maxLength: length - 20, truncation: "keepResponse" });
    expect(finding).toMatchObject({ rule: "control-token-in-content", tokens: null });
  });
});

describe("terminators", () => {
  it("of several words are told apart from words in the answer", () => {
    const rendering = promptAnswer("u", "stop here", { eos: "stop", after: " Out: " });
    expect(examine([rendering], {}, { tokenizer: createWordTokenizer() })).toEqual([]);
  });
  it("of other turns count for those alone", () => {
    expect(
      examine([chatml([user, assistant, user, { ...assistant, content: "b" }])], { mask: "all" }, { usualShare: { min: 0, max: 1 } }),
    ).toEqual([]);
  });
  it("missing from a whole answer are no matter of truncation", () => {
    const { segments, ...rest } = chatml([user, assistant, user, { ...assistant, content: "long answer" }]);
    const open = { ...rest, segments: segments.filter(({ message, part }) => message !== 1 || part !== "terminator") };
    const length = encodeRendering(open, mockTokenizer).ids.length;
    expect(rulesOf(examine([open], { maxLength: length - 4, truncation: "right" }))).toEqual([
      "no-terminator",
      "truncated-answer",
      "truncated-answer",
    ]);
  });
});

describe("prompt and answer that merge", () => {
  const tokenizer = createWordTokenizer();
  it("are placed at their border", () => {
    const findings = examine([promptAnswer("Foo", "Bar baz")], {}, { tokenizer });
    expect(findings).toMatchInlineSnapshot(`
      [
        {
          "fix": "Nothing to do here: they are encoded apart. A tool that encodes the whole text sees other ids; let the prompt end in a newline or the answer not start with a space.",
          "message": "Message 1: as one string, the end of the prompt and the start of the answer become other tokens.",
          "row": 0,
          "rule": "boundary-merge",
          "severity": "note",
          "tokens": {
            "end": 4,
            "start": 2,
          },
        },
      ]
    `);
    expect(examine([promptAnswer("Foo", "Bar", { after: " Out: " })], {}, { tokenizer })).toEqual([]);
    expect(examine([promptAnswer("Foo", "Bar", { after: " Out:\n" })], {}, { tokenizer })).toEqual([]);
  });
  it("say when the prompt ends in a space", () => {
    const greedy = { ...tokenizer, encode: (text: string) => tokenizer.encode(text.replaceAll(" ", "_").replaceAll("\n", "_")) };
    const messageOf = (after: string): string => examine([promptAnswer("Foo", "Bar", { after })], {}, { tokenizer: greedy })[0].message;
    expect(messageOf(" Out: ")).toContain("The prompt ends in a space.");
    for (const after of [" Out:", " Out:\n"]) expect(messageOf(after)).not.toContain("space");
  });
  it("are reported as straddling in joint encoding", () => {
    const mask = createMaskPolicy("completion", { encoding: "joint" });
    const [finding] = examine([promptAnswer("Foo", "Bar baz")], { mask }, { tokenizer });
    expect(finding).toMatchObject({ rule: "boundary-merge", severity: "warning", tokens: { start: 2, end: 3 } });
    expect(finding.fix).toMatch(/^Encode segment by segment/);
  });
});

describe("turns and templates", () => {
  it("an empty turn of another row of a split conversation is that row's matter", () => {
    const rendering = chatml([{ ...user, content: "" }, assistant, user, { ...assistant, content: "b" }]);
    const examples = encodeExamples(rendering, mockTokenizer, { truncation: "splitTurns", maxLength: 24 });
    expect(examples).toHaveLength(2);
    const findings = doctor(
      examples.map((example) => ({ rendering, example })),
      { tokenizer: mockTokenizer },
    );
    expect(findings.map(({ rule, row }) => `${rule} ${row}`)).toEqual(["empty-turn 0"]);
  });
  it("an empty message that the template left out has no place", () => {
    const { segments, ...rest } = chatml([{ role: "system", content: "" }, user, assistant]);
    const without = { ...rest, segments: segments.filter(({ message }) => message !== 0) };
    expect(examine([without])).toMatchObject([{ rule: "empty-turn", tokens: null }]);
  });
  it("a template's None is found outside messages too, shortened", () => {
    const outside: Segment = {
      text: `${"x".repeat(50)} None`,
      kind: "literal",
      role: null,
      message: null,
      field: null,
      fieldStart: 0,
      part: "outside",
    };
    const { segments, ...rest } = promptAnswer("u", "a");
    const [finding] = examine([{ ...rest, segments: [outside, ...segments] }]);
    expect(finding.message).toBe(`Template text reads "${"x".repeat(40)}".`);
    expect(examine([promptAnswer("None of these", "a")])).toEqual([]);
  });
  it("a rewritten answer is placed at its turn", () => {
    const conversation = chatml([user, assistant, user, { ...assistant, content: "b" }]);
    const render: DoctorOptions["render"] = ({ messages }) =>
      chatml(messages.map((message) => ({ ...message, content: messages.length < 4 ? "?" : message.content })));
    const [finding, ...more] = examine([conversation], {}, { render });
    const first = encodeRendering(conversation, mockTokenizer).spans.find(({ message }) => message === 1);
    expect(more).toEqual([]);
    expect(finding).toEqual({
      rule: "prefix-unstable",
      severity: "error",
      row: 0,
      tokens: { start: first?.start, end: first?.end },
      message:
        "The answer in message 1 reads otherwise here than where the conversation ends with it: the template rewrites earlier turns.",
      fix: "Expand the conversation into one row a supervised turn (expandTurns), or train the last turn only.",
    });
    expect(examine([conversation], {}, { render: ({ messages }) => chatml(messages) })).toEqual([]);
  });
});
