import { TokenizerFormatError } from "../errors.ts";
import { asObject, type JsonObject } from "../jsonFields.ts";

/** Reads `model.vocab` of the form {token: id}. */
export function readVocabulary(json: JsonObject, path: string): Map<string, number> {
  const entries = asObject(json["vocab"], `${path}.vocab`);
  const vocabulary = new Map<string, number>();
  for (const token of Object.keys(entries)) {
    const id = entries[token];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
      throw new TokenizerFormatError(`${path}.vocab[${JSON.stringify(token)}]`, "an id (a whole number from 0)", id);
    }
    vocabulary.set(token, id);
  }
  return vocabulary;
}

/** The text of each id. */
export function textsById(vocabulary: ReadonlyMap<string, number>): string[] {
  const texts: string[] = [];
  for (const [text, id] of vocabulary) texts[id] = text;
  return texts;
}
