import { describe, expect, test } from "vitest";
import { findPattern } from "./findMatches.ts";
import { createMatcher } from "./matchPattern.ts";
import { parseOniguruma } from "./parseOniguruma.ts";
import { patternSource } from "./pattern.ts";

const pieces = (pattern: string, text: string): string[] =>
  findPattern(parseOniguruma(pattern))(text).map(([start, end]) => text.slice(start, end));

// What Oniguruma matches, asked of the Rust tokenizers 0.23.2 through Split and Replace.
describe("parseOniguruma", () => {
  test.each([
    ["\\s+", "a\u0085b\ufeffc\u00a0d", ["\u0085", "\u00a0"]],
    ["\\w+", "x½ ² ª-_é", ["x½", "²", "ª", "_é"]],
    ["[\\w]+", "x½ ² ª-_é", ["x", "ª", "_é"]],
    ["(?i)k", "kK\u212a", ["k", "K", "\u212a"]],
    ["'(?i:[sdmt]|ll|ve|re)", "'S 'ſ 'LL 'x", ["'S", "'ſ", "'LL"]],
    ["(?i)[^a]", "aAb", ["b"]],
    ["[[:punct:]]", "a+b$c϶d", ["+", "$", "϶"]],
    ["\\h{2}", "abgf0", ["ab", "f0"]],
    [".$", "ab\ncd\r\nef", ["b", "\r", "f"]],
    ["^\\S", "ab\ncd\n\nef", ["a", "c", "e"]],
    ["a{1,2}+", "aaaaab", ["aaaaa"]],
    ["a++b|a", "aaab aa", ["aaab", "a", "a"]],
    ["a++a", "aaaa", []],
    ["(?>a|ab)c", "abc ac", ["ac"]],
    ["[\\p{Lu}&&[^\\p{Han}A]]+", "ABC漢D", ["BC", "D"]],
    ["\\p{Han}+", "漢字かな", ["漢字"]],
    ["\\p{Digit}+|\\p{Punct}", "a12-+٣", ["12", "-", "٣"]],
    ["\\p{^L}+", "ab12", ["12"]],
    ["[^\\r\\n\\p{L}\\p{N}]?\\p{L}+", " ab-cd\u{323b0}", [" ab", "-cd"]],
    ["\\x{1F469}|\\u00e9|\\x41", "👩éA", ["👩", "é", "A"]],
    ["[a\\-z]|[]x]", "-]m", ["-", "]"]],
    ["x*", "axxb", ["", "xx", "", ""]],
  ])("%s on %j", (pattern, text, expected) => {
    expect(pieces(pattern, text)).toEqual(expected);
  });

  test.each(["(", "a)", "*a", "[a", "\\y", "\\p{Klingon}", "(?x:a)", "\\1"])("refuses %s", (pattern) => {
    expect(() => parseOniguruma(pattern)).toThrow(expect.objectContaining({ code: "unsupported-pattern", pattern }));
  });
});

// The stackless matcher stands in for the engine's own expression, so the two must agree.
test.each([
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  "(?:ab|a)*?b|(?>\\w+?)\\b|(?<=x)y{2,}",
])("createMatcher agrees with the expression for %s", (pattern) => {
  const tree = parseOniguruma(pattern);
  const matchAt = createMatcher(tree);
  const sticky = new RegExp(patternSource(tree), "vy");
  const text = "I'll we're  DON'T\r\n\r\n  x=1;yy 12345 don’t 👩‍💻 ababb aab   \t\n é\u0301 漢字!!!\n\n end  ";
  for (let at = 0; at <= text.length; at++) {
    if (at > 0 && (text.codePointAt(at - 1) as number) > 0xffff) continue;
    sticky.lastIndex = at;
    const match = sticky.exec(text);
    expect(matchAt(text, at)).toBe(match === null ? -1 : at + match[0].length);
  }
});

test("a run that overflows the engine's stack is matched all the same", () => {
  const length = 6_000_000;
  const text = `${"é".repeat(length)} b`;
  expect(findPattern(parseOniguruma("\\p{L}+(?!\\S)|\\s"))(text)).toEqual([
    [0, length],
    [length, length + 1],
    [length + 1, length + 2],
  ]);
});
