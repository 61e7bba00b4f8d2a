import { prependText, sliceText, type AlignedText } from "../alignedText.ts";
import { TokenizerFormatError, UnknownComponentError } from "../errors.ts";
import { arrayField, asObject, booleanField, numberField, stringField, type JsonObject } from "../jsonFields.ts";
import { spellInBytes } from "../normalizers/codePointRewrites.ts";
import { findPattern, readPattern, type FindMatches } from "../regex/findMatches.ts";
import { parseOniguruma } from "../regex/parseOniguruma.ts";
import type { Pattern } from "../regex/pattern.ts";
import { RUST_WORD } from "../regex/unicodeVersion.ts";
import { metaspace, readMetaspace } from "./metaspace.ts";
import { readBehavior, splitPiece, type SplitBehavior } from "./splitPieces.ts";

export interface PreTokenizer {
  /** Splits a normalised piece into words. */
  split(piece: AlignedText): AlignedText[];
  /** True if the words still have to be spelled in GPT-2's byte alphabet, which the model then does (and caches) itself. */
  readonly byteLevel: boolean;
}

type Step = (piece: AlignedText) => AlignedText[];

const KNOWN = [
  "BertPreTokenizer",
  "ByteLevel",
  "CharDelimiterSplit",
  "Digits",
  "FixedLength",
  "Metaspace",
  "Punctuation",
  "Sequence",
  "Split",
  "Whitespace",
  "WhitespaceSplit",
] as const;

const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const SPACE: Pattern = { kind: "set", source: "\\p{White_Space}" };
const PUNCTUATION: Pattern = { kind: "set", source: "[\\p{P}$+<=>\\^`\\|~]" };
const NUMBER: Pattern = { kind: "set", source: "\\p{N}" };
const WORDS: Pattern = {
  kind: "choice",
  branches: [`[${RUST_WORD}]`, `[^${RUST_WORD}\\p{White_Space}]`].map((source) => ({
    kind: "repeat",
    body: { kind: "set", source },
    min: 1,
    max: Infinity,
    mode: "greedy",
  })),
};

/** Builds the `pre_tokenizer` of tokenizer.json; null stands for none. `prefixes` false leaves out the space put before the text. */
export function createPreTokenizer(value: unknown, prefixes: boolean): PreTokenizer {
  const steps: Step[] = [];
  const byteLevel =
    value !== null &&
    value !== undefined &&
    addSteps(asObject(value, "tokenizer.json: pre_tokenizer"), "pre_tokenizer", steps, prefixes, true);
  return { byteLevel, split: (piece) => steps.reduce<AlignedText[]>((pieces, step) => applyStep(pieces, step), [piece]) };
}

function applyStep(pieces: readonly AlignedText[], step: Step): AlignedText[] {
  if (pieces.length === 1) return step(pieces[0]);
  const result: AlignedText[] = [];
  for (const piece of pieces) for (const part of step(piece)) result.push(part);
  return result;
}

/** Appends the steps of one component; true if it is a byte-level one that may leave the spelling to the model. */
function addSteps(json: JsonObject, path: string, steps: Step[], prefixes: boolean, isLast: boolean): boolean {
  const where = `tokenizer.json: ${path}`;
  const type = stringField(json, "type", where);
  const addSplit = (find: FindMatches, behavior: SplitBehavior, invert: boolean = false): false => {
    steps.push((piece) => splitPiece(piece, find, behavior, invert));
    return false;
  };
  switch (type as (typeof KNOWN)[number]) {
    case "Sequence": {
      const parts = arrayField(json, "pretokenizers", where);
      let spelling = false;
      parts.forEach((part, index) => {
        const partPath = `${path}.pretokenizers.${index}`;
        spelling = addSteps(asObject(part, `tokenizer.json: ${partPath}`), partPath, steps, prefixes, isLast && index === parts.length - 1);
      });
      return spelling;
    }
    case "ByteLevel": {
      if (booleanField(json, "add_prefix_space", where, true) && prefixes)
        steps.push((piece) => [piece.text.startsWith(" ") ? piece : prependText(piece, " ")]);
      if (booleanField(json, "use_regex", where, true)) addSplit(findPattern(parseOniguruma(GPT2_WORDS)), "Isolated");
      if (!isLast) steps.push((piece) => [spellInBytes(piece)]);
      return isLast;
    }
    case "Split":
      return addSplit(
        readPattern(json["pattern"], `${where}.pattern`),
        readBehavior(json["behavior"], path),
        booleanField(json, "invert", where, false),
      );
    case "Metaspace":
      steps.push(metaspace(prefixes ? readMetaspace(json, where) : { ...readMetaspace(json, where), prependScheme: "never" }));
      return false;
    case "Whitespace":
      return addSplit(findPattern(WORDS), "Removed", true);
    case "WhitespaceSplit":
      return addSplit(findPattern(SPACE), "Removed");
    case "BertPreTokenizer":
      addSplit(findPattern(SPACE), "Removed");
      return addSplit(findPattern(PUNCTUATION), "Isolated");
    case "Punctuation":
      return addSplit(findPattern(PUNCTUATION), readBehavior(json["behavior"] ?? "Isolated", path));
    case "Digits":
      return addSplit(findPattern(NUMBER), booleanField(json, "individual_digits", where, false) ? "Isolated" : "Contiguous");
    case "CharDelimiterSplit": {
      const delimiter = stringField(json, "delimiter", where);
      return addSplit(readPattern({ String: delimiter }, `${where}.delimiter`), "Removed");
    }
    case "FixedLength":
      steps.push(fixedLength(numberField(json, "length", where), `${where}.length`));
      return false;
    default:
      throw new UnknownComponentError(path, type, KNOWN);
  }
}

function fixedLength(length: number, path: string): Step {
  if (!Number.isInteger(length) || length < 1) throw new TokenizerFormatError(path, "a whole number from 1", length);
  return (piece) => {
    const pieces: AlignedText[] = [];
    let start = 0;
    let end = 0;
    let held = 0;
    for (const codePoint of piece.text) {
      end += codePoint.length;
      if (++held < length) continue;
      pieces.push(sliceText(piece, start, end));
      start = end;
      held = 0;
    }
    if (end > start) pieces.push(sliceText(piece, start, end));
    return pieces;
  };
}
