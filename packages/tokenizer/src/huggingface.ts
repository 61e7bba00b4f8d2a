import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { createTokenizer, type TokenizerFiles } from "./createTokenizer.ts";

/** A text to which `@huggingface/tokenizers` gives other ids than the Rust library's, which are this package's. */
export interface LibraryDifference {
  readonly text: string;
  readonly ids: readonly number[];
  /** Null where the library throws on the text. */
  readonly libraryIds: readonly number[] | null;
}

/** What {@link compareWithLibrary} found. */
export interface LibraryComparison {
  readonly compared: number;
  readonly differences: readonly LibraryDifference[];
  /** Why the library cannot read the files at all; null where it can. `differences` is empty then. */
  readonly refusal: string | null;
}

/**
 * The encoder of `@huggingface/tokenizers` for the same files: text to ids, control tokens recognised, no BOS or EOS added.
 * @throws what the library throws for files that it cannot read
 */
export function createLibraryEncoder(files: TokenizerFiles): (text: string) => number[] {
  const library = new LibraryTokenizer(files.tokenizerJson as object, (files.tokenizerConfig ?? {}) as object);
  return (text) => library.encode(text, { add_special_tokens: false }).ids;
}

/**
 * Where another program that reads the same files with `@huggingface/tokenizers` would see other ids.
 * The known causes are listed in this package's README.
 */
export function compareWithLibrary(files: TokenizerFiles, texts: readonly string[]): LibraryComparison {
  const tokenizer = createTokenizer(files);
  let encode: (text: string) => number[];
  try {
    encode = createLibraryEncoder(files);
  } catch (error) {
    return { compared: 0, differences: [], refusal: String(error) };
  }
  const differences = texts.flatMap((text): LibraryDifference[] => {
    const { ids } = tokenizer.encode(text);
    const libraryIds = idsOrNull(encode, text);
    const areSame = libraryIds?.length === ids.length && libraryIds.every((id, index) => id === ids[index]);
    return areSame ? [] : [{ text, ids: [...ids], libraryIds }];
  });
  return { compared: texts.length, differences, refusal: null };
}

function idsOrNull(encode: (text: string) => number[], text: string): number[] | null {
  try {
    return encode(text);
  } catch {
    return null;
  }
}

/** Texts that touch what tokenizers do differently: scripts, digits, blanks, contractions, joined emoji, newer Unicode. */
export const probeTexts: readonly string[] = [
  "Hello world! It's 2024, isn't it?",
  "  two  spaces\tand a tab \n\n and lines \r\n",
  "12345678 3.14159 1,000,000",
  "na\u00efve caf\u00e9 cafe\u0301 stra\u00dfe",
  "\u4e2d\u6587 \u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4 \u0639\u0631\u0628\u064a \u0939\u093f\u0928\u094d\u0926\u0940",
  "\ud83d\udc69\u200d\ud83d\udcbb \ud83d\udc4d\ud83c\udffd \ud83c\uddeb\ud83c\uddf7",
  "function f(x) {\n    return x ** 2; // \u00bd\n}",
  "\ufeffmark \u0085 \u2028 \u00a0 \u200b",
  "<|endoftext|></s><|im_end|>[INST] <think>",
];
