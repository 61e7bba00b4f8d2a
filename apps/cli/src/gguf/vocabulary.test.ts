import { tokenizerFolder, type TokenizerName } from "@sft/fixtures";
import { loadTokenizer } from "@sft/tokenizer/node";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { preTokenizerName } from "./preTokenizer.ts";
import type { TokenizerJson } from "./tokenizerJson.ts";
import { tokenTypes, vocabularyMetadata } from "./vocabulary.ts";

const jsonOf = (name: TokenizerName): TokenizerJson =>
  JSON.parse(readFileSync(join(tokenizerFolder(name), "tokenizer.json"), "utf8")) as TokenizerJson;

interface Vocabulary {
  readonly model: string;
  readonly tokens: readonly string[];
  readonly token_type: readonly number[];
  readonly scores: Float32Array;
  readonly add_space_prefix: boolean;
}

/** What `vocabularyMetadata` gives, without the type names around the values. */
function plain(tokenizer: TokenizerJson, rows: number): Vocabulary {
  return Object.fromEntries(
    Object.entries(vocabularyMetadata(tokenizer, rows)).map(([key, entry]) => [
      key.replace("tokenizer.ggml.", ""),
      "values" in entry ? entry.values : entry.value,
    ]),
  ) as unknown as Vocabulary;
}

/** How llama.cpp cuts text with a "llama" vocabulary: characters, then again and again the pair whose result scores highest, leftmost first; bytes for what is unknown. */
function sentencePieceIds(text: string, { tokens, scores, add_space_prefix: addsSpace }: Vocabulary): number[] {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const symbols = [...`${addsSpace && text !== "" ? " " : ""}${text}`.replaceAll(" ", "▁")];
  for (;;) {
    let [best, at] = [-Infinity, -1];
    for (let index = 0; index + 1 < symbols.length; index++) {
      const id = idOf.get(symbols[index]! + symbols[index + 1]!);
      if (id !== undefined && scores[id]! > best) [best, at] = [scores[id]!, index];
    }
    if (at < 0) break;
    symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!);
  }
  return symbols.flatMap(
    (symbol) =>
      idOf.get(symbol) ?? [...Buffer.from(symbol)].map((byte) => idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`)!),
  );
}

const texts = [
  "Hello world",
  " two  spaces",
  "naïve café, 中文字 🙂",
  "def f(x):\n\treturn x ** 2\n",
  "1234567890 3.14159",
  "antidisestablishmentarianism",
  "",
  "ⅷ ﬁne",
];

describe("vocabularies as llama.cpp has them", () => {
  test("Llama 2: SentencePiece's algorithm with the scores that are written gives the ids of tokenizer.json's merges", async () => {
    const vocabulary = plain(jsonOf("llama2"), 32000);
    const tokenizer = await loadTokenizer(tokenizerFolder("llama2"));
    expect(vocabulary).toMatchObject({ model: "llama", add_space_prefix: true });
    for (const text of texts) expect(sentencePieceIds(text, vocabulary), JSON.stringify(text)).toEqual([...tokenizer.encode(text).ids]);
    const types = vocabulary.token_type;
    expect([types[0], types[1], types[2], types[3], types[300]]).toEqual([
      tokenTypes.unknown,
      tokenTypes.control,
      tokenTypes.control,
      tokenTypes.byte,
      tokenTypes.normal,
    ]);
  });

  test("Gemma 3: no space before the text, unused tokens are control, runs of newlines are the user's own", async () => {
    const vocabulary = plain(jsonOf("gemma3"), 262208);
    const typeOf = (text: string): number => vocabulary.token_type[vocabulary.tokens.indexOf(text)]!;
    expect(vocabulary).toMatchObject({ model: "llama", add_space_prefix: false });
    expect([typeOf("<bos>"), typeOf("<start_of_turn>"), typeOf("<unused3>"), typeOf("\n\n\n"), typeOf("<0x0A>"), typeOf("<unk>")]).toEqual([
      3, 3, 3, 4, 6, 2,
    ]);
    expect(vocabulary.tokens[262207]).toBe("[PAD262207]");
    expect(vocabulary.token_type[262207]).toBe(tokenTypes.unused);
    const tokenizer = await loadTokenizer(tokenizerFolder("gemma3"));
    for (const text of ["Hello world", "naïve café, 中文字", "antidisestablishmentarianism 12345"])
      expect(sentencePieceIds(text, vocabulary), text).toEqual([...tokenizer.encode(text).ids]);
  });

  test.each([
    ["llama3_1", "llama-bpe"],
    ["qwen3", "qwen2"],
  ] as const)("%s splits as llama.cpp's %s", (name, expected) => {
    expect(preTokenizerName(jsonOf(name))).toBe(expected);
  });

  test("a pre-tokenizer without a name is refused, and may be named by hand", () => {
    const deepseek = jsonOf("deepseek_v3");
    expect(() => vocabularyMetadata(deepseek, 130000)).toThrow(/no name that sft knows[\s\S]*--pre-tokenizer NAME/);
    expect(vocabularyMetadata(deepseek, 130000, "deepseek-v3")["tokenizer.ggml.pre"]).toEqual({ type: "string", value: "deepseek-v3" });
    expect(() => vocabularyMetadata({ model: { type: "Unigram", vocab: {}, merges: [] } }, 8)).toThrow(/its tokenizer is of type Unigram/);
    expect(() => vocabularyMetadata({ model: { type: "BPE", vocab: { a: 9 }, merges: [] } }, 8)).toThrow(
      /token "a" has id 9, the embedding has 8 rows/,
    );
  });
});
