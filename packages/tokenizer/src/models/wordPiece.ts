import { UnknownCharacterError } from "../errors.ts";
import { numberField, stringField, type JsonObject } from "../jsonFields.ts";
import type { TokenModel, WordTokens } from "./tokenModel.ts";
import { readVocabulary, textsById } from "./vocabulary.ts";
import { createWordCache } from "./wordCache.ts";

const PATH = "tokenizer.json: model";

/** BERT's greedy longest-match-first: a word that cannot be covered as a whole is one unknown token. */
export function createWordPiece(json: JsonObject): TokenModel {
  const vocabulary = readVocabulary(json, PATH);
  const unknownToken = stringField(json, "unk_token", PATH);
  const prefix = json["continuing_subword_prefix"] === undefined ? "##" : stringField(json, "continuing_subword_prefix", PATH);
  const longest = json["max_input_chars_per_word"] === undefined ? 100 : numberField(json, "max_input_chars_per_word", PATH);

  function unknown(word: string): WordTokens {
    const id = vocabulary.get(unknownToken);
    if (id === undefined) throw new UnknownCharacterError(word, "WordPiece");
    return { ids: [id], starts: [0], ends: [word.length] };
  }

  function encodeWord(word: string, banned: Uint8Array | null): WordTokens {
    const characters = [...word];
    if (characters.length > longest) return unknown(word);
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    let start = 0;
    while (start < word.length) {
      let end = word.length;
      let id: number | undefined;
      while (end > start) {
        const part = word.slice(start, end);
        id = vocabulary.get(start > 0 ? prefix + part : part);
        if (id !== undefined && (banned === null || banned[id] !== 1)) break;
        id = undefined;
        end -= (word.charCodeAt(end - 1) & 0xfc00) === 0xdc00 ? 2 : 1;
      }
      if (id === undefined) return unknown(word);
      ids.push(id);
      starts.push(start);
      ends.push(end);
      start = end;
    }
    return { ids, starts, ends };
  }

  return { vocabulary, texts: textsById(vocabulary), unknownToken, encodeWord: createWordCache(encodeWord) };
}
