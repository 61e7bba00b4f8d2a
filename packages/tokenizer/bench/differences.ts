/**
 * How often @huggingface/tokenizers, called directly, gives other ids than the Rust library on the golden texts:
 * the six published tokenizers, then the small ones that between them use every component.
 *
 *   npx tsx --conditions @sft/source bench/differences.ts
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer as DirectTokenizer } from "@huggingface/tokenizers";
import { TOKENIZER_NAMES, tokenizerFolder } from "@sft/fixtures";
import { readGolden } from "../src/testing/readGolden.ts";

const readJson = (path: string | URL): unknown => JSON.parse(readFileSync(path, "utf8"));
type Ids = { ids: number[] };
const mixed = readGolden("mixed-scripts") as { texts: string[]; encodings: Record<string, Ids[]> };

for (const name of TOKENIZER_NAMES) {
  const folder = tokenizerFolder(name);
  const direct = new DirectTokenizer(
    readJson(join(folder, "tokenizer.json")) as object,
    readJson(join(folder, "tokenizer_config.json")) as object,
  );
  const { encodings } = readGolden(name) as { encodings: (Ids & { text: string; add_special_tokens: boolean })[] };
  const cases = [
    ...encodings.filter(({ add_special_tokens }) => !add_special_tokens),
    ...mixed.texts.map((text, index) => ({ text, ids: mixed.encodings[name][index].ids })),
  ];
  const different = cases.filter(({ text, ids }) => String(direct.encode(text, { add_special_tokens: false }).ids) !== String(ids));
  console.log(
    `${name}: ${different.length} of ${cases.length} texts differ${different.map(({ text }) => `\n  ${JSON.stringify(text).slice(0, 100)}`).join("")}`,
  );
}

type Case = { name: string; tokenizer: object; encodings: (Ids & { text: string })[] };
for (const { name, tokenizer, encodings } of (readGolden("components") as { cases: Case[] }).cases) {
  try {
    const direct = new DirectTokenizer(tokenizer, {});
    const different = encodings.filter(({ text, ids }) => String(direct.encode(text, { add_special_tokens: false }).ids) !== String(ids));
    console.log(`${name}: ${different.length} of ${encodings.length} texts differ`);
  } catch (error) {
    console.log(`${name}: ${String(error)}`);
  }
}
