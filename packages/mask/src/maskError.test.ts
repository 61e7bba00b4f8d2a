import type { Message } from "@sft/templates";
import { describe, expect, it } from "vitest";
import {
  assertPromptParity,
  createMaskPolicy,
  encodeRendering,
  type EncodeOptions,
  MaskError,
  type MaskPolicy,
  packExamples,
  padBatch,
  resolveMaskPolicy,
  shiftTargets,
  type TruncationStrategy,
} from "./index.ts";
import { mockTokenizer } from "./testing/mockTokenizer.ts";
import { assistant, chatml, user } from "./testing/renderings.ts";

/** Code, words and values: a change of wording is a change of a snapshot. */
const failure = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (!(error instanceof MaskError)) throw error;
    expect(error.message.endsWith(error.hint)).toBe(true);
    expect(error.name).toBe("MaskError");
    return `${error.code} | ${error.message} | ${JSON.stringify(error.values)}`;
  }
  return "no error";
};
const encodeAnswer = (fields: Partial<Message>, options?: EncodeOptions): unknown =>
  encodeRendering(chatml([user, { ...assistant, ...fields }]), mockTokenizer, options);
const row = shiftTargets({ ids: Int32Array.of(5, 6, 7), weights: Float32Array.of(0, 1, 1) });

describe("errors", () => {
  it("of policies", () => {
    expect(failure(() => resolveMaskPolicy("assistent"))).toMatchInlineSnapshot(
      `"unknown-mask-policy | Expected the name of a mask policy or preset, got "assistent". Known: completion, assistant, last, all, litgpt, litgpt-cli, trl, trl-assistant, trl-completion, axolotl, axolotl-instruct, torchtune, llama-factory, mlx-lm, unsloth. | {"name":"assistent","known":["completion","assistant","last","all","litgpt","litgpt-cli","trl","trl-assistant","trl-completion","axolotl","axolotl-instruct","torchtune","llama-factory","mlx-lm","unsloth"]}"`,
    );
    expect(
      failure(() => resolveMaskPolicy({ ...resolveMaskPolicy("last"), name: "mine", turns: "some" } as unknown as MaskPolicy)),
    ).toMatchInlineSnapshot(
      `"invalid-mask-policy | Mask policy "mine": expected turns to be one of completion, assistant, last, all, untilNextUser, got "some". Start from a named policy: createMaskPolicy("assistant", { ... }). | {"policy":{"roles":["assistant"],"header":false,"body":true,"terminator":true,"afterTerminator":false,"generationPrompt":false,"classWeights":{"terminator":1,"reasoning":1,"toolCall":1,"prompt":0},"generationTags":true,"straddle":"mask","encoding":"segments","turns":"some","name":"mine"}}"`,
    );
    expect(failure(() => createMaskPolicy("last", { classWeights: { prompt: -1 } }))).toMatchInlineSnapshot(
      `"invalid-weight | classWeights.prompt: expected a finite weight of 0 or more, got -1. Use 0 to mask, 1 to train, a fraction to train less. | {"weight":-1,"where":"classWeights.prompt"}"`,
    );
    expect(createMaskPolicy("last", {}).name).toBe("last with changes");
  });
  it("of truncation", () => {
    expect(failure(() => encodeAnswer({}, { truncation: "middle" as TruncationStrategy }))).toMatchInlineSnapshot(
      `"unknown-truncation | Expected the name of a truncation strategy, got "middle". Known: drop, error, keepResponse, splitTurns, left, right, proportion. | {"strategy":"middle","known":["drop","error","keepResponse","splitTurns","left","right","proportion"]}"`,
    );
  });
  it("of messages", () => {
    expect(failure(() => encodeAnswer({ weight: Number.NaN }))).toMatchInlineSnapshot(
      `"invalid-weight | message 1.weight: expected a finite weight of 0 or more, got NaN. Use 0 to mask, 1 to train, a fraction to train less. | {"weight":null,"where":"message 1.weight"}"`,
    );
    expect(failure(() => encodeAnswer({ spans: [{ start: 0, end: 1, weight: Infinity }] }, { row: 9 }))).toMatchInlineSnapshot(
      `"invalid-weight | row 9: message 1.spans: expected a finite weight of 0 or more, got Infinity. Use 0 to mask, 1 to train, a fraction to train less. | {"weight":null,"where":"row 9: message 1.spans"}"`,
    );
    expect(failure(() => encodeAnswer({ spans: [{ start: 0, end: 4, weight: 1 }] }))).toMatchInlineSnapshot(
      `"invalid-span | message 1: expected spans that do not overlap inside its 3 characters, got 0 to 4. Spans count UTF-16 code units of content; the end is exclusive. | {"span":{"start":0,"end":4,"weight":1},"length":3}"`,
    );
    expect(failure(() => encodeAnswer({ spans: [{ start: 0.5, end: 2, weight: 1 }] }))).toMatchInlineSnapshot(
      `"invalid-span | message 1: expected spans that do not overlap inside its 3 characters, got 0.5 to 2. Spans count UTF-16 code units of content; the end is exclusive. | {"span":{"start":0.5,"end":2,"weight":1},"length":3}"`,
    );
  });
  it("of encoding", () => {
    const noEos = { ...mockTokenizer, eos: null };
    expect(failure(() => encodeRendering(chatml([user, assistant]), noEos, { mask: "litgpt", row: 2 }))).toMatchInlineSnapshot(
      `"missing-eos | row 2: the litgpt encoding ends every answer with the tokenizer's EOS token, but this tokenizer has none. Use a tokenizer with an eos_token, or the encoding "segments". | {"row":2}"`,
    );
    expect(failure(() => encodeAnswer({ content: "a<|im_end|>" }, { control: "reject", row: 2 }))).toMatchInlineSnapshot(
      `"control-token-in-content | row 2: message 1, content, character 1: The control token <|im_end|> stands in content. Clean the row, or keep such text as plain text with control: "literal". | {"row":2,"message":1,"field":"content","character":1}"`,
    );
    const broken = {
      ...mockTokenizer,
      encodeContent(): never {
        throw new Error("no token for \u2603");
      },
    };
    expect(failure(() => encodeRendering(chatml([user]), broken))).toMatchInlineSnapshot(
      `"content-not-encoded | message 0, content, character 0: no token for ☃ Look at the row's text there. | {"message":0,"field":"content","character":0}"`,
    );
    const emoji = { role: "assistant", content: "\u{1F44D}", spans: [{ start: 0, end: 1, weight: 0 }] };
    const mask = createMaskPolicy("last", { straddle: "error" });
    expect(failure(() => encodeRendering(chatml([emoji]), mockTokenizer, { mask, row: 1 }))).toMatchInlineSnapshot(
      `"straddling-token | row 1: characters 0 to 2 cross the border of a weighted span, with weights 0 and 1. Encode segments one by one, move the border, or choose straddle: "mask" or "train". | {"row":1,"weights":[0,1]}"`,
    );
  });
  it("of lengths", () => {
    expect(failure(() => encodeAnswer({}, { maxLength: 0 }))).toMatchInlineSnapshot(
      `"invalid-length | maxLength: expected a whole number of 1 or more, got 0. Count tokens. | {"maxLength":0}"`,
    );
    expect(failure(() => encodeAnswer({}, { maxLength: 2.5 }))).toMatchInlineSnapshot(
      `"invalid-length | maxLength: expected a whole number of 1 or more, got 2.5. Count tokens. | {"maxLength":2.5}"`,
    );
    expect(failure(() => encodeAnswer({}, { maxLength: 9, truncation: "error", row: 3 }))).toMatchInlineSnapshot(
      `"example-too-long | row 3: expected at most 9 tokens, got 25. Raise maxLength, shorten the row, or choose the truncation drop or keepResponse. | {"row":3,"length":25,"maxLength":9}"`,
    );
    expect(failure(() => encodeAnswer({}, { maxLength: 9, truncation: "splitTurns" }))).toMatchInlineSnapshot(
      `"several-examples | The truncation "splitTurns" may make several examples of one rendering. Call encodeExamples, which returns a list. | {"truncation":"splitTurns"}"`,
    );
    expect(failure(() => padBatch([row], { length: 1 }))).toMatchInlineSnapshot(
      `"row-too-long | Row 0 of the batch: expected at most 1 inputs, got 2. Truncate examples to length + 1 tokens first (maxLength of encodeRendering), or leave length out. | {"row":0,"length":1,"got":2}"`,
    );
    expect(failure(() => padBatch([row], { multipleOf: 0 }))).toMatchInlineSnapshot(
      `"invalid-length | multipleOf: expected a whole number of 1 or more, got 0. Count tokens. | {"multipleOf":0}"`,
    );
    expect(failure(() => padBatch([row], { length: -4 }))).toMatchInlineSnapshot(
      `"invalid-length | length: expected a whole number of 1 or more, got -4. Count tokens. | {"length":-4}"`,
    );
    expect(failure(() => packExamples([row], { capacity: 1 }))).toMatchInlineSnapshot(
      `"row-too-long | Example 0: expected at most 1 inputs, the capacity of a packed row, got 2. Truncate examples first (maxLength of encodeRendering is capacity + 1), or choose an overflow. | {"index":0,"length":2,"capacity":1}"`,
    );
    expect(failure(() => packExamples([row], { capacity: Number.NaN }))).toMatchInlineSnapshot(
      `"invalid-length | capacity: expected a whole number of 1 or more, got NaN. Count tokens. | {"capacity":null}"`,
    );
    expect(failure(() => shiftTargets({ ids: Int32Array.of(1), weights: new Float32Array(2) }))).toMatchInlineSnapshot(
      `"length-mismatch | Expected one weight a token id, got 1 ids and 2 weights. weights[i] belongs to ids[i] as a target. | {"ids":1,"weights":2}"`,
    );
    expect(failure(() => padBatch([{ ...row, targets: row.inputIds.slice(1) }]))).toMatchInlineSnapshot(
      `"length-mismatch | Row 0 of the batch: expected inputs, targets and weights of one length, got 2, 1, 2. Make rows with shiftTargets. | {"row":0}"`,
    );
    expect(failure(() => padBatch([{ ...row, weights: new Float32Array(1) }]))).toMatchInlineSnapshot(
      `"length-mismatch | Row 0 of the batch: expected inputs, targets and weights of one length, got 2, 2, 1. Make rows with shiftTargets. | {"row":0}"`,
    );
  });
  it("of parity", () => {
    expect(failure(() => assertPromptParity({ ids: Int32Array.of(1, 2) }, { ids: Int32Array.of(1), row: 8 }))).toMatchInlineSnapshot(
      `"prompt-not-prefix | row 8: the prompt's ids must be the first ids of the training row, but token 1 is 2 in the prompt and missing in training. Render both with one template and one encoding; a template that rewrites history needs one row a supervised turn. | {"row":8,"token":1,"prompt":2}"`,
    );
    expect(failure(() => assertPromptParity({ ids: Int32Array.of(1, 2) }, { ids: Int32Array.of(1, 3) }))).toMatchInlineSnapshot(
      `"prompt-not-prefix | the prompt's ids must be the first ids of the training row, but token 1 is 2 in the prompt and 3 in training. Render both with one template and one encoding; a template that rewrites history needs one row a supervised turn. | {"token":1,"prompt":2,"training":3}"`,
    );
    expect(failure(() => assertPromptParity({ ids: Int32Array.of(1) }, { ids: Int32Array.of(1, 3) }))).toBe("no error");
  });
});
