import type { Rendering } from "@sft/templates";
import { describe, expect, it } from "vitest";
import { doctor, type DoctorOptions, doctorRules, type EncodeOptions, encodeRendering, type Finding } from "../index.ts";
import { mockTokenizer } from "../testing/mockTokenizer.ts";
import { chatml, promptAnswer } from "../testing/renderings.ts";

const examine = (rendering: Rendering, options: EncodeOptions = {}, doctorOptions: Partial<DoctorOptions> = {}): readonly Finding[] =>
  doctor([{ rendering, example: encodeRendering(rendering, mockTokenizer, options) }], {
    tokenizer: mockTokenizer,
    ...doctorOptions,
  });
const rulesOf = (findings: readonly Finding[]): string[] => findings.map(({ rule, severity }) => `${rule} ${severity}`);
const healthy = promptAnswer("Name the capital of France.", "Paris");
const chat = (answer: string, question = "What is it?"): Rendering =>
  chatml([
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ]);

const omitting = (code: "tool-calls-ignored" | "system-ignored"): Rendering => ({
  ...healthy,
  warnings: [{ code, message: 'Template "t" leaves out something.', index: 0 }],
});

const reports: readonly (readonly [string, () => readonly Finding[], readonly string[]])[] = [
  ["no terminator", () => examine(promptAnswer("u", "a", { eos: "" })), ["no-terminator error"]],
  [
    "terminator trained twice",
    () => examine(chat("a<|im_end|>b"), { control: "allow" }),
    ["double-terminator error", "control-token-in-content error"],
  ],
  ["double BOS", () => examine(promptAnswer("u", "a", { bos: "<s>", before: "<s>In: " })), ["double-bos error"]],
  ["injected control token", () => examine(chat("a", "<|im_end|>"), { control: "allow" }), ["control-token-in-content error"]],
  ["control token kept as text", () => examine(chat("a", "<|im_end|>")), ["control-token-in-content warning"]],
  ["all-masked row", () => examine(chatml([{ role: "user", content: "u" }])), ["all-masked error", "supervised-share warning"]],
  ["cut answer", () => examine(healthy, { maxLength: 40, truncation: "right" }), ["truncated-answer error", "truncated-answer warning"]],
  ["literal None", () => examine(chat("None")), ["literal-none warning"]],
  ["a character that a decoder lost", () => examine(chat("caf\ufffd")), ["lost-character warning"]],
  ["half of a character", () => examine(chat("a", "ok \ud83d")), ["lost-character warning"]],
  ["whole characters beyond the first plane", () => examine(chat("\u{1f600}", "\u{1f468}\u200d\u{1f469}")), []],
  ["empty turn", () => examine(chat("a", " ")), ["empty-turn warning"]],
  ["trained empty turn", () => examine(chat("")), ["empty-turn error"]],
  ["a tool call that the template drops", () => examine(omitting("tool-calls-ignored")), ["template-omits error"]],
  ["a system text that the template drops", () => examine(omitting("system-ignored")), ["template-omits warning"]],
  ["over-long row", () => examine(healthy, { maxLength: 10 }), ["over-long warning"]],
  ["supervised share", () => examine(healthy, { mask: "all" }), ["supervised-share warning"]],
  ["missing BOS", () => examine(healthy, {}, { tokenizer: { ...mockTokenizer, addBosToken: true } }), ["missing-bos warning"]],
];
/** Rules that need more than one row, or more than its rendering, to show themselves: each has a test by its name below. */
const apart = ["duplicate-row", "prefix-unstable", "boundary-merge"];

describe("doctor", () => {
  it("finds nothing in healthy rows", () => {
    expect(examine(healthy)).toEqual([]);
    expect(examine(chat("Paris"))).toEqual([]);
  });

  it.each(reports)("reports %s", (_, run, expected) => {
    expect(rulesOf(run())).toEqual(expected);
  });

  it("names the roles of a row in which nobody answers", () => {
    const named = examine(
      chatml([
        { role: "human", content: "u" },
        { role: "model", content: "a" },
      ]),
    );
    expect(named[0]!.message).toContain("No message is an assistant's; roles are human, model.");
    const silenced = chatml([
      { role: "user", content: "u" },
      { role: "assistant", content: "a", train: false },
    ]);
    expect(examine(silenced)[0]).toMatchObject({ rule: "all-masked", message: expect.not.stringContaining("roles") as string });
  });

  it("reports duplicate-row with the earlier row's number", () => {
    const rows = [3, 8].map((row) => ({ rendering: healthy, example: encodeRendering(healthy, mockTokenizer, { row }) }));
    expect(doctor(rows, { tokenizer: mockTokenizer })).toEqual([
      expect.objectContaining({ rule: "duplicate-row", row: 8, message: "Same tokens and weights as row 3." }),
    ]);
  });

  it("reports prefix-unstable of a template that rewrites history", () => {
    const conversation = chatml([
      { role: "user", content: "u1" },
      { role: "assistant", content: "a1" },
      { role: "user", content: "u2" },
      { role: "assistant", content: "a2" },
    ]);
    const render: DoctorOptions["render"] = ({ messages }) => {
      const rendering = chatml(messages);
      const segments = rendering.segments.map((segment) =>
        segment.text === "a1" && messages.length === 2 ? { ...segment, text: "<think>hm</think>a1" } : segment,
      );
      return { ...rendering, segments };
    };
    const findings = examine(conversation, {}, { render });
    expect(rulesOf(findings)).toEqual(["prefix-unstable error"]);
    expect(findings[0].message).toContain("message 1");
    expect(examine(conversation, { mask: "last" }, { render })).toEqual([]);
  });

  it("reports boundary-merge where prompt and answer do", () => {
    const merging = {
      ...mockTokenizer,
      encode: (text: string) => mockTokenizer.encode(text.replaceAll(": ", "\uE100")),
    };
    const rendering = promptAnswer("u", " a", { after: " Out:" });
    const example = encodeRendering(rendering, merging);
    const findings = doctor([{ rendering, example }], { tokenizer: merging });
    expect(rulesOf(findings)).toEqual(["boundary-merge note"]);
  });

  it("switches rules off and changes their severity", () => {
    expect(examine(chat("None"), {}, { rules: { "literal-none": "off" } })).toEqual([]);
    expect(rulesOf(examine(chat("None"), {}, { rules: { "literal-none": "error" } }))).toEqual(["literal-none error"]);
  });

  it("has a row above, or a test by its name, for every rule", () => {
    const tested = [...reports.flatMap(([, , expected]) => expected.map((line) => line.split(" ", 1)[0])), ...apart];
    expect(doctorRules.map(({ id }) => id).filter((id) => !tested.includes(id))).toEqual([]);
  });

  it("has a fix in words for every finding and a unique id for every rule", () => {
    expect(new Set(doctorRules.map((rule) => rule.id)).size).toBe(doctorRules.length);
    for (const finding of examine(chat("", "<|im_end|>"))) expect(finding.fix).toMatch(/\.$/);
  });
});
