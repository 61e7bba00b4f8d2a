import { TokenizerFormatError, UnknownComponentError } from "../errors.ts";
import { asObject } from "../jsonFields.ts";
import { onigurumaToJs } from "./onigurumaToJs.ts";

/** Lists the [start, end) of every match in the text, in order, without overlap. */
export type FindMatches = (text: string) => (readonly [number, number])[];

/** Reads a pattern field: {"String": s} or {"Regex": r}. */
export function readPattern(value: unknown, path: string): FindMatches {
  const json = asObject(value, path);
  const literal = json["String"];
  if (typeof literal === "string") return (text) => findLiteral(text, literal);
  const regex = json["Regex"];
  if (typeof regex === "string") return findRegex(onigurumaToJs(regex));
  if (Object.keys(json).length === 1) throw new UnknownComponentError(path, Object.keys(json)[0], ["String", "Regex"]);
  throw new TokenizerFormatError(path, 'a pattern ({"String": ...} or {"Regex": ...})', value);
}

/** `regex` must carry the flag g. */
export function findRegex(regex: RegExp): FindMatches {
  return (text) => {
    const matches: (readonly [number, number])[] = [];
    regex.lastIndex = 0;
    for (let match = regex.exec(text); match !== null; match = regex.exec(text)) {
      const end = match.index + match[0].length;
      matches.push([match.index, end]);
      // An empty match would be found for ever; step over one code point.
      if (match[0] === "") regex.lastIndex = end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
    }
    return matches;
  };
}

function findLiteral(text: string, literal: string): (readonly [number, number])[] {
  const matches: (readonly [number, number])[] = [];
  if (literal === "") return matches;
  for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length)) matches.push([at, at + literal.length]);
  return matches;
}
