import { oldProperty } from "./unicodeVersion.ts";

// Oniguruma's character sets as the content of a JavaScript class with the flag "v", checked against it code point by code point.

const SPACE = "\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WORD: string = ["Alphabetic", "M", "Nd", "Pc"].map((name) => oldProperty(name, false)).join("");
/** A `\w` outside a class takes six Latin-1 characters more than one inside, which is how Oniguruma's tables have it. */
export const BARE_WORD: string = `${WORD}\\xb2\\xb3\\xb9\\xbc-\\xbe`;

const POSIX: ReadonlyMap<string, string> = new Map(
  Object.entries({
    alnum: `${oldProperty("Alphabetic", false)}${oldProperty("Nd", false)}`,
    alpha: oldProperty("Alphabetic", false),
    ascii: "\\x00-\\x7f",
    blank: "\\p{Zs}\\t",
    cntrl: "\\p{Cc}",
    digit: oldProperty("Nd", false),
    lower: oldProperty("Lowercase", false),
    punct: `${oldProperty("P", false)}${oldProperty("S", false)}`,
    space: SPACE,
    upper: oldProperty("Uppercase", false),
    word: WORD,
    xdigit: "0-9a-fA-F",
  }),
);
/** The anchors that are written as an escape: letter and JavaScript source. */
export const ASSERTIONS: readonly (readonly [string, string])[] = [
  ["A", "(?<![\\s\\S])"],
  ["z", "(?![\\s\\S])"],
  ["Z", "(?=\\n?(?![\\s\\S]))"],
  ["b", `(?:(?<=[${BARE_WORD}])(?![${BARE_WORD}])|(?<![${BARE_WORD}])(?=[${BARE_WORD}]))`],
  ["B", `(?:(?<=[${BARE_WORD}])(?=[${BARE_WORD}])|(?<![${BARE_WORD}])(?![${BARE_WORD}]))`],
];

/** The set of `\s`, `\d`, `\h`, `\w` inside a class, or of its complement in upper case; null for any other letter. */
export function shorthandSet(letter: string): string | null {
  const set = new Map([
    ["s", SPACE],
    ["w", WORD],
    ["d", oldProperty("Nd", false)],
    ["h", "0-9a-fA-F"],
  ]).get(letter.toLowerCase());
  if (set === undefined) return null;
  return letter === letter.toLowerCase() ? set : `[^${set}]`;
}

/** The set of `[:name:]`; null if there is none of that name. */
export function posixSet(name: string, negated: boolean): string | null {
  const set = POSIX.get(name);
  if (set === undefined) return null;
  return negated ? `[^${set}]` : set;
}

/** The set of `\p{name}`: a POSIX name, a Unicode property or a script without "Script="; null if unknown. */
export function propertySet(name: string, negated: boolean): string | null {
  const lower = name.toLowerCase();
  // \p{Punct} is P alone; only the bracket [:punct:] takes symbols as well.
  if (lower === "punct") return oldProperty("P", negated);
  const posix = posixSet(lower, negated);
  if (posix !== null) return posix;
  const capital = name.charAt(0).toUpperCase() + lower.slice(1);
  const known = [name, capital, `Script=${name}`, `Script=${capital}`].find(isProperty);
  return known === undefined ? null : oldProperty(known, negated);
}

function isProperty(name: string): boolean {
  try {
    return new RegExp(`\\p{${name}}`, "v") instanceof RegExp;
  } catch {
    return false;
  }
}
