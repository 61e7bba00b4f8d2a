import { UnknownCharacterError } from "../errors.ts";
import { stringField, type JsonObject } from "../jsonFields.ts";
import type { TokenModel } from "./tokenModel.ts";
import { readVocabulary, textsById } from "./vocabulary.ts";

const PATH = "tokenizer.json: model";

/** Whole words only; any other word is the unknown token. */
export function createWordLevel(json: JsonObject): TokenModel {
  const vocabulary = readVocabulary(json, PATH);
  const unknownToken = stringField(json, "unk_token", PATH);
  return {
    vocabulary,
    texts: textsById(vocabulary),
    unknownToken,
    encodeWord(word, banned) {
      const known = vocabulary.get(word);
      const id = known !== undefined && (banned === null || banned[known] !== 1) ? known : vocabulary.get(unknownToken);
      if (id === undefined) throw new UnknownCharacterError(word, "WordLevel");
      return { ids: [id], starts: [0], ends: [word.length] };
    },
  };
}
