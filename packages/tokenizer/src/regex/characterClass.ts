import { posixSet } from "./characterSets.ts";
import { escapedCharacter, setEscape } from "./escapes.ts";
import { caseForms, escapeLiteral } from "./literals.ts";
import type { PatternCursor } from "./patternCursor.ts";

/** Reads the rest of a class after its "[", as one JavaScript class. */
export function characterClass(cursor: PatternCursor, ignoreCase: boolean): string {
  const start = cursor.at - 1;
  const negated = cursor.take("^");
  const operands: string[] = [];
  let items = "";
  let first = true;
  while (first || !cursor.peek("]")) {
    if (cursor.isAtEnd) cursor.fail("a class that is not closed", start);
    if (cursor.take("&&")) {
      operands.push(items);
      items = "";
    } else {
      items += classItem(cursor, ignoreCase);
    }
    first = false;
  }
  cursor.at++;
  operands.push(items);
  const body = operands.length === 1 ? operands[0] : operands.map((operand) => `[${operand}]`).join("&&");
  return `[${negated ? "^" : ""}${body}]`;
}

function classItem(cursor: PatternCursor, ignoreCase: boolean): string {
  const start = cursor.at;
  const posix = cursor.takeMatch(/^\[:(\^?)([a-z]+):\]/);
  const named = posix === null ? null : posixSet(posix[2], posix[1] === "^");
  if (named !== null) return named;
  cursor.at = start;
  if (cursor.take("[")) return characterClass(cursor, ignoreCase);
  const low = classCharacter(cursor, start);
  if (low.length > 2 || !cursor.peek("-") || cursor.pattern[cursor.at + 1] === "]") return classLiteral(low, ignoreCase);
  const dash = cursor.at;
  cursor.at++;
  const high = cursor.peek("[") ? "" : classCharacter(cursor, cursor.at);
  if (high === "" || high.length > 2) {
    // A dash before a set is a literal dash.
    cursor.at = dash;
    return classLiteral(low, ignoreCase);
  }
  const from = low.codePointAt(0) as number;
  const to = high.codePointAt(0) as number;
  if (from > to) cursor.fail("a range that runs backwards", start);
  if (ignoreCase && to - from > 0x200) cursor.fail("a wide range under (?i)", start);
  return classRange(from, to, ignoreCase);
}

/** One character of a class (1 or 2 units), or the source of a set (longer). */
function classCharacter(cursor: PatternCursor, start: number): string {
  const character = cursor.character();
  if (character !== "\\") return character;
  return setEscape(cursor, start) ?? (cursor.take("b") ? "\b" : escapedCharacter(cursor, start));
}

function classLiteral(item: string, ignoreCase: boolean): string {
  if (item.length > 2) return item;
  return (ignoreCase ? caseForms(item) : [item]).map(escapeLiteral).join("");
}

function classRange(from: number, to: number, ignoreCase: boolean): string {
  const range = `${escapeLiteral(String.fromCodePoint(from))}-${escapeLiteral(String.fromCodePoint(to))}`;
  if (!ignoreCase) return range;
  let forms = "";
  for (let code = from; code <= to; code++) forms += caseForms(String.fromCodePoint(code)).map(escapeLiteral).join("");
  return range + forms;
}
