import { UnknownComponentError } from "../errors.ts";
import { asObject } from "../jsonFields.ts";
import { createBytePairEncoding } from "./bytePairEncoding.ts";
import type { TokenModel } from "./tokenModel.ts";
import { createUnigram } from "./unigram.ts";
import { createWordLevel } from "./wordLevel.ts";
import { createWordPiece } from "./wordPiece.ts";
import { spellInBytes } from "../normalizers/codePointRewrites.ts";
import { originalEnd, originalStart, untouchedText } from "../alignedText.ts";

const KNOWN = ["BPE", "Unigram", "WordLevel", "WordPiece"];

/** Builds the `model` of tokenizer.json. `byteLevel`: words come as plain text and the model spells them in bytes. */
export function createModel(value: unknown, byteLevel: boolean): TokenModel {
  const json = asObject(value, "tokenizer.json: model");
  // Files from before the field existed hold BPE, WordPiece or Unigram; the fields tell which.
  const type =
    json["type"] ??
    ("merges" in json ? "BPE" : Array.isArray(json["vocab"]) ? "Unigram" : "max_input_chars_per_word" in json ? "WordPiece" : "WordLevel");
  switch (type) {
    case "BPE":
      return createBytePairEncoding(json, byteLevel);
    case "Unigram":
      return byteLevel ? spelling(createUnigram(json)) : createUnigram(json);
    case "WordLevel":
      return byteLevel ? spelling(createWordLevel(json)) : createWordLevel(json);
    case "WordPiece":
      return byteLevel ? spelling(createWordPiece(json)) : createWordPiece(json);
    default:
      throw new UnknownComponentError("model", String(type), KNOWN);
  }
}

/** A model that spells its words in bytes first. */
function spelling(model: TokenModel): TokenModel {
  return {
    ...model,
    encodeWord(word, banned) {
      const spelled = spellInBytes(untouchedText(word, 0));
      const { ids, starts, ends, sourceTexts } = model.encodeWord(spelled.text, banned);
      return {
        ids,
        sourceTexts,
        starts: starts.map((start) => originalStart(spelled, start)),
        ends: ends.map((end) => originalEnd(spelled, end)),
      };
    },
  };
}
