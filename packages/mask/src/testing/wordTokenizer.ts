import type { MaskTokenizer } from "../maskTokenizer.ts";
import type { TokenOffsets } from "../tokenOffsets.ts";

/**
 * One token a word or line break; blanks and zero-width spaces have none, so that characters stand between tokens.
 * Ids are numbered by first use; "<s>" and "</s>" are control tokens with ids 0 and 1.
 */
export function createWordTokenizer(): MaskTokenizer & { readonly words: readonly string[] } {
  const words = ["<s>", "</s>"];
  const encode = (text: string, pattern: RegExp): TokenOffsets => {
    const found = [...text.matchAll(pattern)];
    const ids = found.map(([word]) => (words.includes(word) ? words.indexOf(word) : words.push(word) - 1));
    return { ids: Int32Array.from(ids), offsets: Int32Array.from(found.flatMap(({ 0: word, index }) => [index, index + word.length])) };
  };
  return {
    words,
    bos: { id: 0, text: "<s>" },
    eos: { id: 1, text: "</s>" },
    encode: (text) => encode(text, /<\/?s>|(?:(?!<\/?s>)[^\s\u200b])+|\n/g),
    encodeContent: (text) => encode(text.replace(/<(?=\/?s>)/g, "\u2039"), /[^\s\u200b]+|\n/g),
    isControl: (id) => id < 2,
  };
}
