import type { WordTokens } from "./tokenModel.ts";

type EncodeWord = (word: string, banned: Uint8Array | null) => WordTokens;

/** Words longer than this are rare enough to be encoded afresh. */
const LONGEST_WORD = 64;
/** The cache starts over at this many words, so a run over endless text keeps a bounded memory. */
const MOST_WORDS = 50_000;

/**
 * Remembers the tokens of recent words. Only encodings without a ban are kept;
 * one that holds no banned id is also the answer under the ban.
 */
export function createWordCache(encodeWord: EncodeWord): EncodeWord {
  const cache = new Map<string, WordTokens>();
  return (word, banned) => {
    let tokens = cache.get(word);
    if (tokens === undefined) {
      tokens = encodeWord(word, null);
      if (word.length <= LONGEST_WORD) {
        if (cache.size >= MOST_WORDS) cache.clear();
        cache.set(detached(word), tokens);
      }
    }
    if (banned !== null && tokens.ids.some((id) => banned[id] === 1)) return encodeWord(word, banned);
    return tokens;
  };
}

/** A copy that does not keep the text it was sliced from in memory, as V8's slices of 13 units and more do. */
function detached(word: string): string {
  return word.length < 13 ? word : ` ${word}`.slice(1);
}
