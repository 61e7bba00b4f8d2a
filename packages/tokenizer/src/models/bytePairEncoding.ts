import { BYTE_TO_CHAR, byteToken, forEachUtf8Byte } from "../byteAlphabet.ts";
import { TokenizerFormatError } from "../errors.ts";
import { arrayField, booleanField, optionalString, type JsonObject } from "../jsonFields.ts";
import { mergeSymbols, type Symbols } from "./mergeSymbols.ts";
import { createMergeTable, type MergeTable } from "./mergeTable.ts";
import type { TokenModel, WordTokens } from "./tokenModel.ts";
import { readVocabulary, textsById } from "./vocabulary.ts";
import { createWordCache } from "./wordCache.ts";

const PATH = "tokenizer.json: model";

/**
 * Byte-pair encoding. `byteLevel` says that words arrive as plain text and are spelled in GPT-2's byte alphabet first;
 * otherwise the symbols are the code points, with byte fallback where the file asks for it.
 */
export function createBytePairEncoding(json: JsonObject, byteLevel: boolean): TokenModel {
  const vocabulary = readVocabulary(json, PATH);
  const prefix = optionalString(json, "continuing_subword_prefix", PATH);
  const suffix = optionalString(json, "end_of_word_suffix", PATH);
  const unknownToken = optionalString(json, "unk_token", PATH);
  const fuseUnknown = booleanField(json, "fuse_unk", PATH, false);
  const wholeWordsFirst = booleanField(json, "ignore_merges", PATH, false);
  const fallback = booleanField(json, "byte_fallback", PATH, false) ? byteFallbackIds(vocabulary) : null;
  const unknownId = unknownToken === null ? null : (vocabulary.get(unknownToken) ?? null);
  const table = readMerges(json, vocabulary, prefix ?? "");

  /** Id of a symbol, or -1: the vocabulary's entry unless it is banned. */
  const idOf = (symbol: string, banned: Uint8Array | null): number => {
    const id = vocabulary.get(symbol);
    return id === undefined || (banned !== null && banned[id] === 1) ? -1 : id;
  };

  function spell(word: string, banned: Uint8Array | null): Symbols {
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    const add = (id: number, start: number, end: number): void => {
      symbols.ids.push(id);
      symbols.starts.push(start);
      symbols.ends.push(end);
    };
    let unknown: { start: number; end: number } | null = null;
    const flushUnknown = (): void => {
      if (unknown !== null && unknownId !== null) add(unknownId, unknown.start, unknown.end);
      unknown = null;
    };
    forEachSymbol(word, byteLevel, (character, start, end, isFirst, isLast) => {
      let symbol = character;
      if (prefix !== null && !isFirst) symbol = prefix + symbol;
      if (suffix !== null && isLast) symbol += suffix;
      const id = idOf(symbol, banned);
      if (id >= 0) {
        flushUnknown();
        add(id, start, end);
        return;
      }
      if (fallback !== null) {
        const bytes = fallback(symbol);
        if (bytes !== null) {
          // As in the Rust library, an unknown run before these bytes is not flushed first.
          for (const byteId of bytes) add(byteId, start, end);
          return;
        }
      }
      if (unknownId === null) return;
      if (unknown !== null && fuseUnknown) {
        unknown.end = end;
      } else {
        flushUnknown();
        unknown = { start, end };
      }
    });
    flushUnknown();
    return symbols;
  }

  function encodeWord(word: string, banned: Uint8Array | null): WordTokens {
    if (wholeWordsFirst) {
      const id = idOf(byteLevel ? toByteAlphabet(word) : word, banned);
      if (id >= 0) return { ids: [id], starts: [0], ends: [word.length] };
    }
    const symbols = spell(word, banned);
    mergeSymbols(symbols, table, banned);
    return symbols;
  }

  return { vocabulary, texts: textsById(vocabulary), unknownToken, encodeWord: createWordCache(encodeWord) };
}

type VisitSymbol = (character: string, start: number, end: number, isFirst: boolean, isLast: boolean) => void;

function forEachSymbol(word: string, byteLevel: boolean, visit: VisitSymbol): void {
  for (let start = 0; start < word.length;) {
    const codePoint = word.codePointAt(start) as number;
    const end = start + (codePoint > 0xffff ? 2 : 1);
    if (byteLevel) {
      let index = 0;
      const size = codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
      const from = start;
      forEachUtf8Byte(codePoint, (byte) => {
        visit(BYTE_TO_CHAR[byte], from, end, from === 0 && index === 0, end === word.length && index === size - 1);
        index++;
      });
    } else {
      visit(word.slice(start, end), start, end, start === 0, end === word.length);
    }
    start = end;
  }
}

/** The word in GPT-2's byte alphabet. */
function toByteAlphabet(word: string): string {
  let spelled = "";
  for (const character of word) forEachUtf8Byte(character.codePointAt(0) as number, (byte) => (spelled += BYTE_TO_CHAR[byte]));
  return spelled;
}

/** Maps a symbol to the ids of its UTF-8 bytes, or to null if the vocabulary lacks one of them. */
function byteFallbackIds(vocabulary: ReadonlyMap<string, number>): (symbol: string) => number[] | null {
  const ids = Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte)) ?? -1);
  return (symbol) => {
    const bytes: number[] = [];
    for (const character of symbol) forEachUtf8Byte(character.codePointAt(0) as number, (byte) => bytes.push(ids[byte]));
    return bytes.includes(-1) ? null : bytes;
  };
}

function readMerges(json: JsonObject, vocabulary: ReadonlyMap<string, number>, prefix: string): MergeTable {
  const merges = arrayField(json, "merges", PATH);
  const lefts = new Int32Array(merges.length);
  const rights = new Int32Array(merges.length);
  const merged = new Int32Array(merges.length);
  for (let rank = 0; rank < merges.length; rank++) {
    const [left, right] = readMerge(merges[rank], rank);
    const joined = left + (prefix !== "" && right.startsWith(prefix) ? right.slice(prefix.length) : right);
    lefts[rank] = requireId(vocabulary, left, rank);
    rights[rank] = requireId(vocabulary, right, rank);
    merged[rank] = requireId(vocabulary, joined, rank);
  }
  return createMergeTable(lefts, rights, merged);
}

/** A merge is "left right" in older files and ["left", "right"] in newer ones, which may hold spaces. */
function readMerge(merge: unknown, rank: number): readonly [string, string] {
  if (typeof merge === "string") {
    const space = merge.indexOf(" ");
    if (space > 0 && merge.indexOf(" ", space + 1) < 0) return [merge.slice(0, space), merge.slice(space + 1)];
  } else if (Array.isArray(merge) && merge.length === 2 && typeof merge[0] === "string" && typeof merge[1] === "string") {
    return [merge[0], merge[1]];
  }
  throw new TokenizerFormatError(`${PATH}.merges.${rank}`, 'a merge ("left right" or ["left", "right"])', merge);
}

function requireId(vocabulary: ReadonlyMap<string, number>, token: string, rank: number): number {
  const id = vocabulary.get(token);
  if (id === undefined) throw new TokenizerFormatError(`${PATH}.merges.${rank}`, "tokens that are in model.vocab", token);
  return id;
}
