import { TOKENIZER_NAMES, tokenizerFolder } from "@sft/fixtures";
import { beforeAll, describe, expect, test } from "vitest";
import type { Tokenizer } from "./index.ts";
import { loadTokenizer } from "./node.ts";
import { readGolden } from "./testing/readGolden.ts";

interface Golden {
  readonly special: Readonly<Record<string, string>>;
  readonly encodings: readonly { text: string; add_special_tokens: boolean; ids: number[]; offsets: [number, number][]; decoded: string }[];
  readonly chats: readonly { template: string; name: string; text: string; ids: number[] }[];
}

/** The golden files count code points; this maps a code-point offset to UTF-16 units. */
function unitsAt(text: string): number[] {
  const units = [0];
  for (const codePoint of text) units.push((units.at(-1) as number) + codePoint.length);
  return units;
}

interface MixedScripts {
  readonly texts: readonly string[];
  readonly encodings: Readonly<Record<string, readonly { ids: number[]; offsets: number[]; decoded: string }[]>>;
}

const mixedScripts = readGolden("mixed-scripts") as MixedScripts;

// Written by the Rust tokenizers 0.23.2, the oracle for ids, offsets and decoded text.
describe.each(TOKENIZER_NAMES)("%s equals the Rust tokenizers", (name) => {
  const golden = readGolden(name) as Golden;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(tokenizerFolder(name));
  });

  test.each(golden.encodings)(
    "encodes $text, special tokens $add_special_tokens",
    ({ text, add_special_tokens, ids, offsets, decoded }) => {
      const encoding = tokenizer.encode(text, { addSpecialTokens: add_special_tokens });
      const units = unitsAt(text);
      expect([...encoding.ids]).toEqual(ids);
      expect([...encoding.offsets]).toEqual(offsets.flat().map((offset) => units[offset]));
      expect(tokenizer.decode(ids)).toBe(decoded);
    },
  );

  test.each(golden.chats)("encodes the chat $name of $template", ({ text, ids }) => {
    expect([...tokenizer.encode(text).ids]).toEqual(ids);
  });

  test.each(mixedScripts.texts.map((text, index) => ({ text, ...mixedScripts.encodings[name][index] })))(
    "encodes $text",
    ({ text, ids, offsets, decoded }) => {
      const encoding = tokenizer.encode(text);
      const units = unitsAt(text);
      expect([...encoding.ids]).toEqual(ids);
      expect([...encoding.offsets]).toEqual(offsets.map((offset) => units[offset]));
      expect(tokenizer.decode(ids)).toBe(decoded);
    },
  );

  test("finds the special tokens", () => {
    const found = Object.fromEntries(
      (["bos", "eos", "pad", "unk"] as const).flatMap((key) => (tokenizer[key] === null ? [] : [[`${key}_token`, tokenizer[key].text]])),
    );
    expect(found).toEqual(golden.special);
  });
});
