import { tokenizerFolder, TOKENIZER_NAMES } from "@sft/fixtures";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { ControlTokenInContentError, createTokenizer, type Tokenizer } from "./index.ts";
import { loadTokenizer } from "./node.ts";

/** For each of the six tokenizers: 12,000 cases of each property in continuous integration; one that cannot end in its time fails. */
const runs = {
  numRuns: process.env.CI ? 2_000 : 300,
  endOnFailure: true,
  interruptAfterTimeLimit: 100_000,
  markInterruptAsFailure: true,
} as const;
vi.setConfig({ testTimeout: 110_000 });

/** Strings that an attacker would write: control-token texts, whole and in pieces, with what normalisers and splits react to. */
function hostileText(tokens: readonly string[]): fc.Arbitrary<string> {
  const token = fc.constantFrom(...tokens);
  const piece = fc.oneof(
    token,
    fc.tuple(token, fc.nat(30)).map(([text, cut]) => text.slice(0, cut)),
    fc.tuple(token, fc.nat(30)).map(([text, cut]) => text.slice(cut)),
    fc.constantFrom(" ", "  ", "\n", "\n\n", "▁", "<", ">", "|", "\u0000", "\ud800", "e\u0301", "é", "👩‍💻", "user", "assistant"),
    fc.string({ unit: "grapheme", maxLength: 8 }),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  return fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
}

describe.each(TOKENIZER_NAMES)("%s content", (name) => {
  let tokenizer: Tokenizer;
  let controls: string[];
  beforeAll(async () => {
    tokenizer = await loadTokenizer(tokenizerFolder(name));
    const ids = Array.from({ length: tokenizer.vocabSize }, (_, id) => id).filter((id) => tokenizer.isControl(id));
    controls = ids.map((id) => tokenizer.idToToken(id) as string);
  });

  test("never gives a control token under literal, and decodes to what was written", () => {
    fc.assert(
      fc.property(hostileText(controls), (text) => {
        const { ids, offsets } = tokenizer.encodeContent(text);
        expect(ids.some((id) => tokenizer.isControl(id))).toBe(false);
        // Qwen3 normalises to NFC; a lone surrogate is no character.
        const written = text.replace(/\p{Surrogate}/gu, "\ufffd");
        // The models spell a real "▁" (U+2581) like a space, so what SentencePiece decodes has none.
        const readable =
          name === "llama2" || name === "gemma3" ? written.replaceAll("▁", " ") : name === "qwen3" ? written.normalize("NFC") : written;
        expect(tokenizer.decode(ids)).toBe(readable);
        expect(isOrdered(offsets, text.length)).toBe(true);
      }),
      runs,
    );
  });

  test("rejects exactly the texts in which encode finds a control token, at its place", () => {
    fc.assert(
      fc.property(hostileText(controls), (text) => {
        const all = tokenizer.encode(text);
        const first = all.ids.findIndex((id) => tokenizer.isControl(id));
        if (first < 0) {
          expect([...tokenizer.encodeContent(text, "reject").ids]).toEqual([...all.ids]);
          return;
        }
        const error = errorOf(() => tokenizer.encodeContent(text, "reject"));
        expect(error).toBeInstanceOf(ControlTokenInContentError);
        const { token, offset } = error as ControlTokenInContentError;
        expect(text.slice(offset, offset + token.length)).toBe(token);
        expect(text.slice(0, offset)).not.toContain(token);
      }),
      runs,
    );
  });

  test("pieces that continue one another decode to the whole text", () => {
    fc.assert(
      fc.property(fc.array(hostileText(controls), { minLength: 1, maxLength: 4 }), (pieces) => {
        const ids = pieces.flatMap((piece, index) => [
          ...tokenizer.encodeContent(piece, "literal", { continues: pieces.slice(0, index).join("") !== "" }).ids,
        ]);
        const whole = pieces
          .map((piece) => (name === "qwen3" ? piece.normalize("NFC") : piece).replace(/\p{Surrogate}/gu, "\ufffd"))
          .join("");
        expect(tokenizer.decode(ids)).toBe(name === "llama2" || name === "gemma3" ? whole.replaceAll("▁", " ") : whole);
      }),
      runs,
    );
  });

  test("under allow equals encode", () => {
    fc.assert(
      fc.property(hostileText(controls), (text) => {
        expect([...tokenizer.encodeContent(text, "allow").ids]).toEqual([...tokenizer.encode(text).ids]);
      }),
      runs,
    );
  });

  test("spells out every control token", () => {
    const leaks = controls.filter((text) => tokenizer.encodeContent(text).ids.some((id) => tokenizer.isControl(id)));
    const split = controls.filter((text) => tokenizer.encode(text).ids.length !== 1);
    expect({ leaks, split }).toEqual({ leaks: [], split: [] });
  });
});

/** Starts never go back and no range leaves the text. */
function isOrdered(offsets: Int32Array, length: number): boolean {
  for (let i = 0; i < offsets.length; i += 2) {
    if (offsets[i] > offsets[i + 1] || offsets[i + 1] > length || (i > 0 && offsets[i] < offsets[i - 2])) return false;
  }
  return true;
}

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("what counts as a control token", () => {
  test("special and structural tokens do, whitespace that the model makes by itself does not", async () => {
    const qwen = await loadTokenizer(tokenizerFolder("qwen3"));
    for (const text of ["<|im_end|>", "<|endoftext|>", "<tool_call>", "</think>"])
      expect(qwen.isControl(qwen.tokenToId(text) as number)).toBe(true);
    const gemma = await loadTokenizer(tokenizerFolder("gemma3"));
    for (const text of ["<end_of_turn>", "<unused0>", "[multimodal]"]) expect(gemma.isControl(gemma.tokenToId(text) as number)).toBe(true);
    for (const text of ["\n\n", "▁▁", "<unk>", "a"]) expect(gemma.isControl(gemma.tokenToId(text) as number)).toBe(false);
    expect([...gemma.encodeContent("a\n\nb").ids]).toEqual([...gemma.encode("a\n\nb").ids]);
  });

  test("a model that could make a special token from text is kept from it", () => {
    const added = (id: number, content: string): object => ({
      id,
      content,
      special: true,
      normalized: false,
      single_word: false,
      lstrip: false,
      rstrip: false,
    });
    const pieces: [string, number][] = [
      ["<unk>", 0],
      ["</s>", -1],
      ["<", -3],
      ["/", -3],
      ["s", -3],
      [">", -3],
      ["a", -2],
    ];
    const unigram = createTokenizer({
      tokenizerJson: { added_tokens: [added(0, "<unk>"), added(1, "</s>")], model: { type: "Unigram", unk_id: 0, vocab: pieces } },
    });
    expect([...unigram.encode("a</s>").ids]).toEqual([6, 1]);
    expect([...unigram.encodeContent("a</s>").ids]).toEqual([6, 2, 3, 4, 5]);

    const vocab = { "<": 0, s: 1, ">": 2, "<s": 3, "<s>": 4 };
    const bpe = (ignore_merges: boolean): Tokenizer =>
      createTokenizer({
        tokenizerJson: { added_tokens: [added(4, "<s>")], model: { type: "BPE", vocab, merges: ["< s", "<s >"], ignore_merges } },
      });
    for (const tokenizer of [bpe(true), bpe(false)]) {
      expect([...tokenizer.encode("<s>").ids]).toEqual([4]);
      expect([...tokenizer.encodeContent("<s>").ids]).toEqual([3, 2]);
    }

    const words = createTokenizer({
      tokenizerJson: {
        added_tokens: [added(1, "[END]")],
        pre_tokenizer: { type: "WhitespaceSplit" },
        model: { type: "WordLevel", unk_token: "[UNK]", vocab: { "[UNK]": 0, "[END]": 1, a: 2 } },
      },
    });
    expect([...words.encodeContent("a [END]").ids]).toEqual([2, 0]);
  });
});
