import { codePointLength } from "../alignedText.ts";
import { byteToken, forEachUtf8Byte } from "../byteAlphabet.ts";
import { TokenizerFormatError, UnknownCharacterError } from "../errors.ts";
import { arrayField, booleanField, type JsonObject } from "../jsonFields.ts";
import type { TokenModel, WordTokens } from "./tokenModel.ts";
import { createWordCache } from "./wordCache.ts";

const PATH = "tokenizer.json: model";
/** SentencePiece's kUnkPenalty: how far below the worst piece an unknown character scores. */
const UNKNOWN_PENALTY = 10;

interface TrieNode {
  id: number;
  children: Map<number, TrieNode> | null;
}

/** SentencePiece's unigram model: the cut of a word whose pieces have the greatest sum of log probabilities (Viterbi, float64). */
export function createUnigram(json: JsonObject): TokenModel {
  const pieces = readPieces(json);
  const vocabulary = new Map(pieces.map(({ text }, id) => [text, id]));
  const unknownId = readUnknownId(json, pieces.length);
  const fallback = booleanField(json, "byte_fallback", PATH, false);
  const byteIds = Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte)) ?? -1);
  const unknownScore = pieces.reduce((least, { score }) => Math.min(least, score), Infinity) - UNKNOWN_PENALTY;
  const root: TrieNode = { id: -1, children: null };
  for (const [text, id] of vocabulary) insert(root, text, id);

  function requireUnknown(word: string): number {
    if (unknownId === null) throw new UnknownCharacterError(word, "Unigram");
    return unknownId;
  }

  /** For each end of a piece on the best path, where the piece starts; unknown runs are fused. */
  function bestCuts(word: string, banned: Uint8Array | null): { start: number; end: number }[] {
    const scores = new Float64Array(word.length + 1);
    const from = new Int32Array(word.length + 1).fill(-1);
    const ids = new Int32Array(word.length + 1);
    const offer = (end: number, start: number, id: number, score: number): void => {
      if (from[end] >= 0 && score <= scores[end]) return;
      scores[end] = score;
      from[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < word.length; start += codePointLength(word, start)) {
      const single = start + codePointLength(word, start);
      let hasSingle = false;
      let node: TrieNode | undefined = root;
      for (let end = start; end < word.length;) {
        node = node.children?.get(word.charCodeAt(end++));
        if (node === undefined) break;
        if (node.id < 0 || (banned !== null && banned[node.id] === 1)) continue;
        offer(end, start, node.id, pieces[node.id].score + scores[start]);
        if (end === single) hasSingle = true;
      }
      if (!hasSingle) offer(single, start, requireUnknown(word), unknownScore + scores[start]);
    }
    const cuts: { start: number; end: number }[] = [];
    let fusing = false;
    for (let end = word.length; end > 0; end = from[end]) {
      const isUnknown = unknownId !== null && ids[end] === unknownId;
      if (isUnknown && fusing) (cuts.at(-1) as { start: number }).start = from[end];
      else cuts.push({ start: from[end], end });
      fusing = isUnknown;
    }
    return cuts.reverse();
  }

  function encodeWord(word: string, banned: Uint8Array | null): WordTokens {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const sourceTexts = new Map<number, string>();
    const add = (id: number, start: number, end: number): void => {
      ids.push(id);
      starts.push(start);
      ends.push(end);
    };
    for (const { start, end } of bestCuts(word, banned)) {
      const text = word.slice(start, end);
      const id = vocabulary.get(text);
      const bytes: number[] = [];
      if (id !== undefined && (banned === null || banned[id] !== 1)) {
        add(id, start, end);
        continue;
      }
      if (fallback) for (const character of text) forEachUtf8Byte(character.codePointAt(0) as number, (byte) => bytes.push(byteIds[byte]));
      if (fallback && !bytes.includes(-1)) {
        for (const byteId of bytes) add(byteId, start, end);
      } else {
        sourceTexts.set(ids.length, text);
        add(requireUnknown(word), start, end);
      }
    }
    return { ids, starts, ends, sourceTexts };
  }

  const texts = pieces.map(({ text }) => text);
  return { vocabulary, texts, unknownToken: unknownId === null ? null : texts[unknownId], encodeWord: createWordCache(encodeWord) };
}

function insert(root: TrieNode, text: string, id: number): void {
  let node = root;
  for (let i = 0; i < text.length; i++) {
    node.children ??= new Map();
    const unit = text.charCodeAt(i);
    let child = node.children.get(unit);
    if (child === undefined) node.children.set(unit, (child = { id: -1, children: null }));
    node = child;
  }
  if (node !== root) node.id = id;
}

function readPieces(json: JsonObject): { text: string; score: number }[] {
  return arrayField(json, "vocab", PATH).map((entry, id) => {
    if (!Array.isArray(entry) || typeof entry[0] !== "string" || typeof entry[1] !== "number") {
      throw new TokenizerFormatError(`${PATH}.vocab.${id}`, "a piece [text, score]", entry);
    }
    return { text: entry[0], score: entry[1] };
  });
}

function readUnknownId(json: JsonObject, count: number): number | null {
  const id = json["unk_id"];
  if (id === null || id === undefined) return null;
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= count)
    throw new TokenizerFormatError(`${PATH}.unk_id`, "an id of model.vocab", id);
  return id;
}
