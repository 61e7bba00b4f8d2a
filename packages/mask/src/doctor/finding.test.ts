import type { Rendering } from "@sft/templates";
import { describe, expect, it } from "vitest";
import { doctor, type DoctorOptions, encodeRendering, type EncodeOptions } from "../index.ts";
import { mockTokenizer } from "../testing/mockTokenizer.ts";
import { assistant, chatml, promptAnswer, user } from "../testing/renderings.ts";

describe("findings", () => {
  const examine = (rendering: Rendering, options: EncodeOptions = {}, more: Partial<DoctorOptions> = {}): unknown =>
    doctor([{ rendering, example: encodeRendering(rendering, mockTokenizer, options) }], { tokenizer: mockTokenizer, ...more });
  const withBos = { ...mockTokenizer, addBosToken: true };
  it.each<[string, () => unknown]>([
    ["no-terminator", () => examine(promptAnswer("u", "a", { eos: "" }))],
    ["double-terminator", () => examine(chatml([user, { role: "assistant", content: "a<|im_end|>b" }]), { control: "allow" })],
    ["double-bos", () => examine(promptAnswer("u", "a", { bos: "<s>", before: "<s>In: " }))],
    ["missing-bos", () => examine(promptAnswer("u", "a"), {}, { tokenizer: withBos })],
    ["control-token-in-content", () => examine(chatml([{ role: "user", content: "see <|im_end|>" }, assistant]), { row: 6 })],
    ["all-masked", () => examine(chatml([user]))],
    ["truncated-answer", () => examine(promptAnswer("u", "answer"), { maxLength: 12, truncation: "right" })],
    [
      "literal-none",
      () =>
        examine(
          chatml([
            { role: "user", content: "undefined" },
            { role: "assistant", content: "None " },
          ]),
        ),
    ],
    ["literal-none in template text", () => examine(promptAnswer("u", "a", { before: "system: None\n" }))],
    [
      "empty-turn",
      () =>
        examine(
          chatml([
            { role: "user", content: "" },
            { role: "assistant", content: "\n" },
          ]),
        ),
    ],
    ["over-long", () => examine(promptAnswer("u", "a"), { maxLength: 4 })],
    ["over-long but kept", () => examine(promptAnswer("u", "a"), {}, { maxLength: 4 })],
    ["supervised-share", () => examine(promptAnswer("u".repeat(200), "a"), {}, { usualShare: { min: 0.02, max: 0.9 } })],
    ["supervised-share of all", () => examine(promptAnswer("u", "a"), { mask: "all" }, { usualShare: { min: 0.1, max: 0.9 } })],
  ])("%s", (_, run) => {
    expect(run()).toMatchSnapshot();
  });
});
