import { describe, expect, test } from "vitest";
import { createTokenizer } from "./index.ts";
import { readGolden } from "./testing/readGolden.ts";

interface Golden {
  readonly ids: number[];
  /** Start, end of each token, in code points. */
  readonly offsets: number[];
}

interface Case {
  readonly name: string;
  readonly tokenizer: unknown;
  readonly encodings: readonly (Golden & { text: string; withSpecial: Golden; decoded: string; skipped: string })[];
}

// Small tokenizers that between them use every component, with awkward added tokens; trained and run by the Rust tokenizers 0.23.2.
const { cases } = readGolden("components") as { cases: readonly Case[] };

function inUnits(text: string, offsets: readonly number[]): number[] {
  const units = [0];
  for (const codePoint of text) units.push((units.at(-1) as number) + codePoint.length);
  return offsets.map((offset) => units[offset]);
}

describe.each(cases)("$name equals the Rust tokenizers", ({ tokenizer: tokenizerJson, encodings }) => {
  const tokenizer = createTokenizer({ tokenizerJson });

  test.each(encodings)("on $text", ({ text, ids, offsets, withSpecial, decoded, skipped }) => {
    const plain = tokenizer.encode(text);
    const special = tokenizer.encode(text, { addSpecialTokens: true });
    expect([...plain.ids]).toEqual(ids);
    expect([...plain.offsets]).toEqual(inUnits(text, offsets));
    expect([...special.ids]).toEqual(withSpecial.ids);
    expect([...special.offsets]).toEqual(inUnits(text, withSpecial.offsets));
    expect(tokenizer.decode(withSpecial.ids)).toBe(decoded);
    expect(tokenizer.decode(withSpecial.ids, { skipSpecialTokens: true })).toBe(skipped);
  });
});
