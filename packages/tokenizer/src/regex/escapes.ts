import { propertySet, shorthandSet } from "./characterSets.ts";
import type { PatternCursor } from "./patternCursor.ts";

const CONTROL_ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };

/** After a backslash, which stands at `start`: the content of a class for `\s`, `\p{L}` and the like; null for an escape of one character. */
export function setEscape(cursor: PatternCursor, start: number): string | null {
  const letter = cursor.pattern[cursor.at] ?? "";
  const shorthand = shorthandSet(letter);
  if (shorthand !== null) {
    cursor.at++;
    return shorthand;
  }
  if (letter !== "p" && letter !== "P") return null;
  const property = cursor.takeMatch(/^[pP]\{(\^?)([\w =-]+)\}/);
  if (property === null) return cursor.fail("an unfinished property", start);
  const negated = (letter === "P") !== (property[1] === "^");
  return propertySet(property[2], negated) ?? cursor.fail(`the unknown property ${property[2]}`, start);
}

/** After a backslash, which stands at `start`: the one character that the escape means. */
export function escapedCharacter(cursor: PatternCursor, start: number): string {
  const code = cursor.takeMatch(/^(?:x\{([0-9A-Fa-f]{1,8})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))/);
  if (code !== null) return String.fromCodePoint(Number.parseInt(code[1] ?? code[2] ?? code[3], 16));
  const character = cursor.character();
  if (character in CONTROL_ESCAPES) return String.fromCodePoint(CONTROL_ESCAPES[character]);
  if (/[A-Za-z0-9]/.test(character)) return cursor.fail(`the unknown escape \\${character}`, start);
  return character;
}
