import { originalStart, prependText, replaceRanges, type AlignedText } from "../alignedText.ts";
import { TokenizerFormatError } from "../errors.ts";
import { booleanField, type JsonObject } from "../jsonFields.ts";
import { splitPiece } from "./splitPieces.ts";

export type PrependScheme = "always" | "first" | "never";

export interface MetaspaceOptions {
  readonly replacement: string;
  readonly prependScheme: PrependScheme;
  readonly split: boolean;
}

/** Reads the options that the Metaspace pre-tokenizer and decoder share, the older `add_prefix_space` included. */
export function readMetaspace(json: JsonObject, path: string): MetaspaceOptions {
  const replacement = json["replacement"] ?? "▁";
  if (typeof replacement !== "string" || [...replacement].length !== 1)
    throw new TokenizerFormatError(`${path}.replacement`, "one character", replacement);
  const scheme = json["prepend_scheme"] ?? (booleanField(json, "add_prefix_space", path, true) ? "always" : "never");
  if (scheme !== "always" && scheme !== "first" && scheme !== "never") {
    throw new TokenizerFormatError(`${path}.prepend_scheme`, '"always", "first" or "never"', scheme);
  }
  return { replacement, prependScheme: scheme, split: booleanField(json, "split", path, true) };
}

/** SentencePiece's spaces: " " becomes the replacement, one is put in front, and words begin with it. */
export function metaspace(options: MetaspaceOptions): (piece: AlignedText) => AlignedText[] {
  const { replacement, prependScheme } = options;
  const spaces = (text: string): [number, number][] => Array.from(text.matchAll(/ /g), ({ index }) => [index, index + 1]);
  const marks = (text: string): [number, number][] =>
    Array.from(text.matchAll(new RegExp(replacement, "gu")), ({ index }) => [index, index + replacement.length]);
  return (piece) => {
    let current = replaceRanges(piece, spaces(piece.text), replacement);
    const wanted = prependScheme === "always" || (prependScheme === "first" && originalStart(current, 0) === 0);
    if (wanted && !current.text.startsWith(replacement)) current = prependText(current, replacement);
    return options.split ? splitPiece(current, marks, "MergedWithNext", false) : [current];
  };
}
