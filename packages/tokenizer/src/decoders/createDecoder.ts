import { UnknownComponentError } from "../errors.ts";
import { arrayField, asObject, booleanField, numberField, optionalString, stringField, type JsonObject } from "../jsonFields.ts";
import { readMetaspace } from "../preTokenizers/metaspace.ts";
import { readPattern } from "../regex/findMatches.ts";
import { decodeByteFallback, decodeByteLevel } from "./byteDecoders.ts";

/** Rewrites the row of token strings; the decoded text is the row joined. */
export type DecodeStep = (tokens: readonly string[]) => readonly string[];

const KNOWN = ["BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace", "Sequence", "Strip", "WordPiece"] as const;

/** Builds the `decoder` of tokenizer.json; null stands for none, where tokens are joined by spaces as in the Rust library. */
export function createDecoder(value: unknown): (tokens: readonly string[]) => string {
  if (value === null || value === undefined) return (tokens) => tokens.join(" ");
  const step = build(asObject(value, "tokenizer.json: decoder"), "decoder");
  return (tokens) => step(tokens).join("");
}

function build(json: JsonObject, path: string): DecodeStep {
  const where = `tokenizer.json: ${path}`;
  const type = stringField(json, "type", where);
  switch (type as (typeof KNOWN)[number]) {
    case "Sequence": {
      const steps = arrayField(json, "decoders", where).map((step, index) => {
        const stepPath = `${path}.decoders.${index}`;
        return build(asObject(step, `tokenizer.json: ${stepPath}`), stepPath);
      });
      return (tokens) => steps.reduce((current, step) => step(current), tokens);
    }
    case "ByteLevel":
      return decodeByteLevel;
    case "ByteFallback":
      return decodeByteFallback;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Strip":
      return strip(stringField(json, "content", where), numberField(json, "start", where), numberField(json, "stop", where));
    case "Replace": {
      const find = readPattern(json["pattern"], `${where}.pattern`);
      const content = stringField(json, "content", where);
      return (tokens) => tokens.map((token) => replaceAll(token, find(token), content));
    }
    case "Metaspace": {
      const { replacement, prependScheme } = readMetaspace(json, where);
      const fill = (token: string, space: string): string => token.split(replacement).join(space);
      return (tokens) => tokens.map((token, index) => fill(token, index === 0 && prependScheme !== "never" ? "" : " "));
    }
    case "WordPiece": {
      const prefix = stringField(json, "prefix", where);
      const cleans = booleanField(json, "cleanup", where, true);
      return (tokens) =>
        tokens.map((token, index) => {
          const joined = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
          return cleans ? cleanUp(joined) : joined;
        });
    }
    case "BPEDecoder": {
      const suffix = optionalString(json, "suffix", where) ?? "</w>";
      return (tokens) => tokens.map((token, index) => token.split(suffix).join(index === tokens.length - 1 ? "" : " "));
    }
    case "CTC": {
      const pad = stringField(json, "pad_token", where);
      const delimiter = stringField(json, "word_delimiter_token", where);
      const cleans = booleanField(json, "cleanup", where, true);
      return (tokens) =>
        tokens
          .filter((token, index) => token !== tokens[index - 1])
          .map((token) => token.split(pad).join(""))
          .map((token) => (cleans ? cleanUp(token).split(delimiter).join(" ") : token))
          .filter((token) => token !== "");
    }
    default:
      throw new UnknownComponentError(path, type, KNOWN);
  }
}

/** Strips `content` from the start of each token up to `most` times, and from its end up to `mostAtEnd` times. */
function strip(content: string, most: number, mostAtEnd: number): DecodeStep {
  return (tokens) =>
    tokens.map((token) => {
      let start = 0;
      let end = token.length;
      for (let n = 0; n < most && token.startsWith(content, start) && start < end; n++) start += content.length;
      for (let n = 0; n < mostAtEnd && end - content.length >= start && token.endsWith(content, end); n++) end -= content.length;
      return token.slice(start, end);
    });
}

function replaceAll(token: string, matches: readonly (readonly [number, number])[], content: string): string {
  let result = "";
  let from = 0;
  for (const [start, end] of matches) {
    result += token.slice(from, start) + content;
    from = end;
  }
  return result + token.slice(from);
}

/** The space clean-up that WordPiece and CTC decoders ask for by themselves. */
function cleanUp(text: string): string {
  const rules: readonly (readonly [string, string])[] = [
    [" .", "."],
    [" ?", "?"],
    [" !", "!"],
    [" ,", ","],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [" do not", " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ];
  return rules.reduce((cleaned, [from, to]) => cleaned.split(from).join(to), text);
}
