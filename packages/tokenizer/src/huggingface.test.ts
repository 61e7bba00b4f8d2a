import { TOKENIZER_NAMES, tokenizerFolder } from "@sft/fixtures";
import { describe, expect, test } from "vitest";
import { compareWithLibrary, createLibraryEncoder, probeTexts } from "./huggingface.ts";
import { readTokenizerFiles } from "./node.ts";
import { readGolden } from "./testing/readGolden.ts";

interface Golden {
  readonly encodings: readonly { text: string; add_special_tokens: boolean; ids: number[] }[];
}

describe.each(TOKENIZER_NAMES)("%s", (name) => {
  test("the library's own encoder gives the Rust ids of most texts, and the comparison finds the others", async () => {
    const files = await readTokenizerFiles(tokenizerFolder(name));
    const encode = createLibraryEncoder(files);
    const { encodings } = readGolden(name) as Golden;
    const plain = encodings.filter((one) => !one.add_special_tokens);
    const wrong = plain.filter(({ text, ids }) => String(encode(text)) !== String(ids)).map(({ text }) => text);
    const { compared, differences, refusal } = compareWithLibrary(
      files,
      plain.map(({ text }) => text),
    );
    expect([compared, refusal]).toEqual([plain.length, null]);
    expect(differences.map(({ text }) => text)).toEqual(wrong);
    expect(wrong.length).toBeLessThan(3);
    expect(compareWithLibrary(files, probeTexts).compared).toBe(probeTexts.length);
  });
});

test("components that the library lacks are a refusal, or differences", () => {
  interface Case {
    readonly name: string;
    readonly tokenizer: object;
    readonly encodings: readonly { text: string; ids: number[] }[];
  }
  const { cases } = readGolden("components") as { cases: readonly Case[] };
  const found = cases.map(({ tokenizer, encodings }) => {
    const { differences, refusal } = compareWithLibrary(
      { tokenizerJson: tokenizer },
      encodings.map(({ text }) => text),
    );
    // This package's ids are the Rust ones, so a difference is the library's.
    for (const { text, ids } of differences) expect(ids).toEqual(encodings.find((one) => one.text === text)!.ids);
    return refusal !== null ? "refused" : differences.length > 0 ? "differs" : "equal";
  });
  expect(new Set(found)).toEqual(new Set(["refused", "differs"]));
});
