import { codePointLength } from "../alignedText.ts";
import { TokenizerFormatError, UnknownComponentError } from "../errors.ts";
import { asObject } from "../jsonFields.ts";
import { createMatcher } from "./matchPattern.ts";
import { parseOniguruma } from "./parseOniguruma.ts";
import { patternSource, type Pattern } from "./pattern.ts";

type Match = readonly [start: number, end: number];

/** Lists every match in the text, in order, without overlap. */
export type FindMatches = (text: string) => Match[];

/** Reads a pattern field: {"String": s} or {"Regex": r}. */
export function readPattern(value: unknown, path: string): FindMatches {
  const json = asObject(value, path);
  const literal = json["String"];
  if (typeof literal === "string") return findLiteral(literal);
  const regex = json["Regex"];
  if (typeof regex === "string") return findPattern(parseOniguruma(regex));
  if (Object.keys(json).length === 1) throw new UnknownComponentError(path, Object.keys(json)[0], ["String", "Regex"]);
  throw new TokenizerFormatError(path, 'a pattern ({"String": ...} or {"Regex": ...})', value);
}

export function findPattern(pattern: Pattern): FindMatches {
  const regex = new RegExp(patternSource(pattern), "gv");
  const matchAt = createMatcher(pattern);

  const nextMatch = (text: string, from: number): Match | null => {
    regex.lastIndex = from;
    try {
      const match = regex.exec(text);
      return match === null ? null : [match.index, match.index + match[0].length];
    } catch (error) {
      // V8 runs out of its backtracking stack in a run of millions of characters.
      if (!(error instanceof RangeError)) throw error;
    }
    for (let at = from; at <= text.length; at += at < text.length ? codePointLength(text, at) : 1) {
      const end = matchAt(text, at);
      if (end >= 0) return [at, end];
    }
    return null;
  };

  return (text) => {
    const matches: Match[] = [];
    for (let from = 0; from <= text.length;) {
      const match = nextMatch(text, from);
      if (match === null) break;
      matches.push(match);
      const [start, end] = match;
      // An empty match would be found for ever; step over one code point.
      from = end > start ? end : end + (end < text.length ? codePointLength(text, end) : 1);
    }
    return matches;
  };
}

function findLiteral(literal: string): FindMatches {
  return (text) => {
    const matches: Match[] = [];
    if (literal === "") return matches;
    for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length)) matches.push([at, at + literal.length]);
    return matches;
  };
}
