import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createTokenizer,
  TokenizerFileError,
  TokenizerFormatError,
  UnknownCharacterError,
  UnknownComponentError,
  UnsupportedPatternError,
} from "./index.ts";
import { loadTokenizer } from "./node.ts";

const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] };

describe("a tokenizer.json that cannot be followed is refused by name", () => {
  test.each([
    ["normalizer", { normalizer: { type: "Rot13" } }, "normalizer", "Rot13"],
    [
      "nested pre-tokenizer",
      { pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "UnicodeScripts" }] } },
      "pre_tokenizer.pretokenizers.0",
      "UnicodeScripts",
    ],
    [
      "split behaviour",
      { pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "Melted" } },
      "pre_tokenizer.behavior",
      "Melted",
    ],
    ["post-processor", { post_processor: { type: "Stamp" } }, "post_processor", "Stamp"],
    ["decoder", { decoder: { type: "Sequence", decoders: [{ type: "Fuse" }, { type: "Sing" }] } }, "decoder.decoders.1", "Sing"],
    ["model", { model: { type: "SentenceCake" } }, "model", "SentenceCake"],
  ])("%s", (_, change, path, component) => {
    expect(() => createTokenizer({ tokenizerJson: { model, ...change } })).toThrow(
      expect.objectContaining({ code: "unknown-tokenizer-component", path, component }),
    );
    expect(() => createTokenizer({ tokenizerJson: { model, ...change } })).toThrow(UnknownComponentError);
  });

  test.each([
    ["not an object", [], /tokenizer\.json: expected an object, got an array of 0/],
    ["no model", {}, /tokenizer\.json: model: expected an object, got nothing/],
    ["no merges", { model: { type: "BPE", vocab: {} } }, /model\.merges: expected an array, got nothing/],
    [
      "a merge of an unknown token",
      { model: { ...model, merges: ["a c"] } },
      /model\.merges\.0: expected tokens that are in model\.vocab, got string "c"/,
    ],
    ["a merge of three", { model: { ...model, merges: ["a b c"] } }, /model\.merges\.0: expected a merge/],
    ["an id that is no number", { model: { ...model, vocab: { a: "0" } } }, /model\.vocab\["a"\]: expected an id/],
    ["an added token without content", { model, added_tokens: [{ id: 3 }] }, /added_tokens\.0\.content: expected a string, got nothing/],
  ])("%s", (_, tokenizerJson, message) => {
    expect(() => createTokenizer({ tokenizerJson })).toThrow(TokenizerFormatError);
    expect(() => createTokenizer({ tokenizerJson })).toThrow(message);
  });

  test("a pattern without a JavaScript form", () => {
    const tokenizerJson = { model, pre_tokenizer: { type: "Split", pattern: { Regex: "a\\X" }, behavior: "Isolated" } };
    expect(() => createTokenizer({ tokenizerJson })).toThrow(expect.objectContaining({ code: "unsupported-pattern", position: 1 }));
    expect(() => createTokenizer({ tokenizerJson })).toThrow(UnsupportedPatternError);
  });

  test("a word that the model has no token for", () => {
    const tokenizer = createTokenizer({ tokenizerJson: { model: { type: "Unigram", vocab: [["a", -1]], unk_id: null } } });
    expect(() => tokenizer.encode("ab")).toThrow(UnknownCharacterError);
  });
});

describe("loadTokenizer", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sft-tokenizer-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function modelFolder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const path = join(folder, name);
    await mkdir(path);
    for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
    return path;
  }

  test("names the file that is missing", async () => {
    await expect(loadTokenizer(join(folder, "nowhere"))).rejects.toThrow(/nowhere.tokenizer\.json: no such file/);
    await expect(loadTokenizer(join(folder, "nowhere"))).rejects.toThrow(TokenizerFileError);
  });

  test("names the file that is not JSON", async () => {
    const path = await modelFolder("pointer", { "tokenizer.json": "version https://git-lfs.github.com/spec/v1" });
    await expect(loadTokenizer(path)).rejects.toThrow(/pointer.tokenizer\.json: is not JSON/);
  });

  test("names the folder of a file that cannot be followed", async () => {
    const without = await modelFolder("without", { "tokenizer.json": "{}" });
    await expect(loadTokenizer(without)).rejects.toThrow(`${join(without, "tokenizer.json")}: model: expected an object, got nothing`);
    const odd = await modelFolder("odd", { "tokenizer.json": JSON.stringify({ model, normalizer: { type: "Rot13" } }) });
    await expect(loadTokenizer(odd)).rejects.toThrow(`${join(odd, "tokenizer.json")}: normalizer asks for "Rot13"`);
  });

  test("reads every file, with a byte-order mark or without", async () => {
    const added = ["<s>", "</s>", "<pad>"].map((content, index) => ({ id: 3 + index, content, special: true }));
    const path = await modelFolder("whole", {
      "tokenizer.json": `\ufeff${JSON.stringify({ model, added_tokens: added })}`,
      "tokenizer_config.json": JSON.stringify({
        add_bos_token: true,
        bos_token: { content: "<s>" },
        eos_token: null,
        chat_template: "from config",
      }),
      "special_tokens_map.json": JSON.stringify({ eos_token: "</s>", unk_token: "nowhere" }),
      "generation_config.json": JSON.stringify({ pad_token_id: 5, bos_token_id: 4 }),
      "chat_template.jinja": "\ufeff{{ messages }}",
    });
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer).toMatchObject({
      vocabSize: 6,
      bos: { id: 3, text: "<s>" },
      // An explicit null in tokenizer_config.json is an answer.
      eos: null,
      pad: { id: 5, text: "<pad>" },
      unk: null,
      addBosToken: true,
      chatTemplate: "{{ messages }}",
    });
  });

  test("takes the template named default of a list", async () => {
    const list = [
      { name: "tool_use", template: "t" },
      { name: "default", template: "d" },
    ];
    const path = await modelFolder("list", {
      "tokenizer.json": JSON.stringify({ model }),
      "tokenizer_config.json": JSON.stringify({ chat_template: list }),
    });
    expect((await loadTokenizer(path)).chatTemplate).toBe("d");
    expect((await loadTokenizer(path)).addBosToken).toBeUndefined();
  });
});
