/** The tokens of one word. Places count UTF-16 units of the word and never cut a code point: tokens inside one share its range. */
export interface WordTokens {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** By index, the source text of tokens that stand for it without being it: a unigram model's unknown runs. */
  readonly sourceTexts?: ReadonlyMap<number, string>;
}

/** What turns a pre-tokenized word into ids. */
export interface TokenModel {
  /** Id of each token of the model itself, added tokens aside. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Text of each id; ids without a token are holes. */
  readonly texts: readonly string[];
  readonly unknownToken: string | null;
  /** Ids with `banned[id] === 1` are never produced: the word is spelled with other tokens. */
  encodeWord(word: string, banned: Uint8Array | null): WordTokens;
}
