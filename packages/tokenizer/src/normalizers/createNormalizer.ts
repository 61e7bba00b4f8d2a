import { prependText, replaceRanges, type AlignedText } from "../alignedText.ts";
import { UnknownComponentError } from "../errors.ts";
import { arrayField, asObject, booleanField, stringField, type JsonObject } from "../jsonFields.ts";
import { readPattern } from "../regex/findMatches.ts";
import { bertNormalizer } from "./bertNormalizer.ts";
import { keepCodePoints, lowercase, mapCodePoints, spellInBytes, stripSpace } from "./codePointRewrites.ts";
import { precompiledNormalizer } from "./precompiled.ts";
import { unicodeForm } from "./unicodeForm.ts";

/** Rewrites text before it is split, keeping track of where each unit came from. */
export type Normalizer = (piece: AlignedText) => AlignedText;

const KNOWN = [
  "BertNormalizer",
  "ByteLevel",
  "Lowercase",
  "NFC",
  "NFD",
  "NFKC",
  "NFKD",
  "Nmt",
  "Precompiled",
  "Prepend",
  "Replace",
  "Sequence",
  "Strip",
  "StripAccents",
] as const;

/** Builds the `normalizer` of tokenizer.json; null stands for none. `prefixes` false leaves out what is put before the text. */
export function createNormalizer(value: unknown, prefixes: boolean, path: string = "normalizer"): Normalizer {
  if (value === null || value === undefined) return (piece) => piece;
  const json = asObject(value, `tokenizer.json: ${path}`);
  return build(json, prefixes, path);
}

function build(json: JsonObject, prefixes: boolean, path: string): Normalizer {
  const where = `tokenizer.json: ${path}`;
  const type = stringField(json, "type", where);
  switch (type as (typeof KNOWN)[number]) {
    case "Sequence": {
      const steps = arrayField(json, "normalizers", where).map((step, index) =>
        createNormalizer(step, prefixes, `${path}.normalizers.${index}`),
      );
      return (piece) => steps.reduce((current, step) => step(current), piece);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return unicodeForm(type as "NFC" | "NFD" | "NFKC" | "NFKD");
    case "Prepend": {
      const prefix = stringField(json, "prepend", where);
      return prefixes ? (piece) => prependText(piece, prefix) : (piece) => piece;
    }
    case "Replace": {
      const find = readPattern(json["pattern"], `${where}.pattern`);
      const content = stringField(json, "content", where);
      return (piece) => replaceRanges(piece, find(piece.text), content);
    }
    case "Lowercase":
      return lowercase;
    case "Strip":
      return stripSpace(booleanField(json, "strip_left", where, true), booleanField(json, "strip_right", where, true));
    case "StripAccents":
      return (piece) => keepCodePoints(piece, (codePoint) => !/^\p{M}$/u.test(codePoint));
    case "Nmt":
      return nmtNormalizer;
    case "ByteLevel":
      return spellInBytes;
    case "BertNormalizer":
      return bertNormalizer({
        cleanText: booleanField(json, "clean_text", where, true),
        spaceChinese: booleanField(json, "handle_chinese_chars", where, true),
        lowercase: booleanField(json, "lowercase", where, true),
        stripAccents: booleanField(json, "strip_accents", where, booleanField(json, "lowercase", where, true)),
      });
    case "Precompiled":
      return precompiledNormalizer(stringField(json, "precompiled_charsmap", where), where);
    default:
      throw new UnknownComponentError(path, type, KNOWN);
  }
}

/** Control characters that SentencePiece's nmt rules drop, and kinds of space that they make plain. */
const NMT_DROPPED = new Set([...range(0x01, 0x08), 0x0b, ...range(0x0e, 0x1f), 0x7f, 0x8f, 0x9f]);
const NMT_SPACES = new Set([9, 10, 12, 13, 0x1680, ...range(0x200b, 0x200f), 0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd]);

function nmtNormalizer(piece: AlignedText): AlignedText {
  const kept = keepCodePoints(piece, (character) => !NMT_DROPPED.has(character.codePointAt(0) as number));
  return mapCodePoints(kept, (character) => (NMT_SPACES.has(character.codePointAt(0) as number) ? " " : character));
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
