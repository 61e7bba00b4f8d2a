import { UnsupportedPatternError } from "../errors.ts";
import { ASSERTIONS, BARE_WORD, posixSet, propertySet, shorthandSet } from "./characterSets.ts";
import { caseForms, escapeLiteral } from "./literals.ts";
import { patternSource, type Pattern } from "./pattern.ts";

/**
 * Reads a regular expression of tokenizer.json (Oniguruma, Ruby syntax, UTF-8) into a tree.
 *
 * What differs and is translated: `\s` (U+0085 is white space and U+FEFF is not), `\w`, `\d` and `\b` (Unicode-wide),
 * `.`, `^` and `$` (lines end at \n only), possessive quantifiers and atomic groups, `(?i:...)`, `\h`, `\p{Han}`, `\p{^L}`,
 * POSIX brackets and `&&` in classes. Anything else throws UnsupportedPatternError rather than being guessed.
 */
export function parseOniguruma(pattern: string): Pattern {
  return new Parser(pattern).parse();
}

const CONTROL_ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };

class Parser {
  private readonly pattern: string;
  private at = 0;
  private ignoreCase = false;
  private dotAll = false;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  parse(): Pattern {
    const tree = this.alternation();
    if (this.at < this.pattern.length) this.fail("unmatched )");
    return tree;
  }

  private fail(reason: string, position: number = this.at): never {
    throw new UnsupportedPatternError(this.pattern, position, reason);
  }

  private peek(text: string): boolean {
    return this.pattern.startsWith(text, this.at);
  }

  private take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.at += text.length;
    return true;
  }

  private alternation(): Pattern {
    const branches = [this.sequence()];
    while (this.take("|")) branches.push(this.sequence());
    return branches.length === 1 ? branches[0] : { kind: "choice", branches };
  }

  private sequence(): Pattern {
    const parts: Pattern[] = [];
    while (this.at < this.pattern.length && !this.peek("|") && !this.peek(")")) parts.push(this.quantified());
    return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
  }

  private quantified(): Pattern {
    let body = this.atom();
    for (;;) {
      const bounds = this.quantifier();
      if (bounds === null) return body;
      const { min, max, braced } = bounds;
      if (this.take("?")) body = { kind: "repeat", body, min, max, mode: "lazy" };
      // After braces a plus repeats the repetition in Ruby syntax; it is not possessive.
      else if (!braced && this.take("+")) body = { kind: "repeat", body, min, max, mode: "possessive" };
      else body = { kind: "repeat", body, min, max, mode: "greedy" };
    }
  }

  private quantifier(): { min: number; max: number; braced: boolean } | null {
    if (this.take("*")) return { min: 0, max: Infinity, braced: false };
    if (this.take("+")) return { min: 1, max: Infinity, braced: false };
    if (this.take("?")) return { min: 0, max: 1, braced: false };
    const bounds = /^\{(\d*)(,?)(\d*)\}/.exec(this.pattern.slice(this.at, this.at + 24));
    if (bounds === null || (bounds[1] === "" && bounds[3] === "")) return null;
    this.at += bounds[0].length;
    const min = bounds[1] === "" ? 0 : Number(bounds[1]);
    return { min, max: bounds[2] === "" ? min : bounds[3] === "" ? Infinity : Number(bounds[3]), braced: true };
  }

  private atom(): Pattern {
    const start = this.at;
    const character = this.character();
    switch (character) {
      case "(":
        return this.group(start);
      case "[":
        return { kind: "set", source: this.classBody() };
      case ".":
        return { kind: "set", source: this.dotAll ? "[\\s\\S]" : "[^\\n]" };
      case "^":
        return { kind: "assertion", source: "(?<=^|\\n)" };
      case "$":
        return { kind: "assertion", source: "(?=$|\\n)" };
      case "\\":
        return this.escape(start);
      case "*":
      case "+":
      case "?":
        return this.fail("a quantifier with nothing to repeat", start);
      default:
        return this.literal(character);
    }
  }

  private group(start: number): Pattern {
    if (!this.take("?")) return this.closeGroup(start);
    for (const look of ["=", "!", "<=", "<!"]) {
      if (this.take(look)) return { kind: "assertion", source: `(?${look}${patternSource(this.closeGroup(start))})` };
    }
    if (this.take(":")) return this.closeGroup(start);
    if (this.take(">")) return { kind: "atomic", body: this.closeGroup(start) };
    const named = /^<[A-Za-z_]\w*>/.exec(this.pattern.slice(this.at));
    if (named !== null) {
      this.at += named[0].length;
      return this.closeGroup(start);
    }
    const flags = /^([im]*)(?:-([im]+))?([:)])/.exec(this.pattern.slice(this.at));
    if (flags === null) return this.fail("an unknown kind of group", start);
    this.at += flags[0].length;
    const saved = { ignoreCase: this.ignoreCase, dotAll: this.dotAll };
    this.setFlags(flags[1], true);
    this.setFlags(flags[2] ?? "", false);
    // "(?i)" without a colon holds to the end of the group around it, alternatives included.
    const body = flags[3] === ":" ? this.closeGroup(start) : this.alternation();
    this.ignoreCase = saved.ignoreCase;
    this.dotAll = saved.dotAll;
    return body;
  }

  private setFlags(flags: string, on: boolean): void {
    if (flags.includes("i")) this.ignoreCase = on;
    if (flags.includes("m")) this.dotAll = on;
  }

  private closeGroup(start: number): Pattern {
    const body = this.alternation();
    if (!this.take(")")) this.fail("a group that is not closed", start);
    return body;
  }

  private character(): string {
    const codePoint = this.pattern.codePointAt(this.at);
    if (codePoint === undefined) return this.fail("an unfinished pattern");
    const character = String.fromCodePoint(codePoint);
    this.at += character.length;
    return character;
  }

  private escape(start: number): Pattern {
    if (this.take("w")) return { kind: "set", source: `[${BARE_WORD}]` };
    if (this.take("W")) return { kind: "set", source: `[^${BARE_WORD}]` };
    const set = this.classEscape(start);
    if (set !== null) return { kind: "set", source: `[${set}]` };
    for (const [letter, source] of ASSERTIONS) if (this.take(letter)) return { kind: "assertion", source };
    return this.literal(this.escapedCharacter(start));
  }

  /** The content of a class for `\s`, `\p{L}` and the like; null if the escape stands for one character. */
  private classEscape(start: number): string | null {
    const letter = this.pattern[this.at] ?? "";
    const shorthand = shorthandSet(letter);
    if (shorthand !== null) {
      this.at++;
      return shorthand;
    }
    if (letter !== "p" && letter !== "P") return null;
    const property = /^[pP]\{(\^?)([\w =-]+)\}/.exec(this.pattern.slice(this.at));
    if (property === null) return this.fail("an unfinished property", start);
    this.at += property[0].length;
    const negated = (letter === "P") !== (property[1] === "^");
    return propertySet(property[2], negated) ?? this.fail(`the unknown property ${property[2]}`, start);
  }

  private escapedCharacter(start: number): string {
    const code = /^(?:x\{([0-9A-Fa-f]{1,8})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))/.exec(this.pattern.slice(this.at));
    if (code !== null) {
      this.at += code[0].length;
      return String.fromCodePoint(Number.parseInt(code[1] ?? code[2] ?? code[3], 16));
    }
    const character = this.character();
    if (character in CONTROL_ESCAPES) return String.fromCodePoint(CONTROL_ESCAPES[character]);
    if (/[A-Za-z0-9]/.test(character)) return this.fail(`the unknown escape \\${character}`, start);
    return character;
  }

  /** One literal character outside a class. */
  private literal(character: string): Pattern {
    const forms = this.ignoreCase ? caseForms(character) : [character];
    return { kind: "set", source: forms.length === 1 ? escapeLiteral(character) : `[${forms.map(escapeLiteral).join("")}]` };
  }

  /** The rest of a class after its "[", as one JavaScript class. */
  private classBody(): string {
    const start = this.at - 1;
    const negated = this.take("^");
    const operands: string[] = [];
    let items = "";
    let first = true;
    while (first || !this.peek("]")) {
      if (this.at >= this.pattern.length) this.fail("a class that is not closed", start);
      if (this.take("&&")) {
        operands.push(items);
        items = "";
      } else {
        items += this.classItem();
      }
      first = false;
    }
    this.at++;
    operands.push(items);
    const body = operands.length === 1 ? operands[0] : operands.map((operand) => `[${operand}]`).join("&&");
    return `[${negated ? "^" : ""}${body}]`;
  }

  private classItem(): string {
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.pattern.slice(this.at));
    const named = posix === null ? null : posixSet(posix[2], posix[1] === "^");
    if (posix !== null && named !== null) {
      this.at += posix[0].length;
      return named;
    }
    const start = this.at;
    if (this.take("[")) return this.classBody();
    const low = this.classCharacter(start);
    if (low.length > 2 || !this.peek("-") || this.pattern[this.at + 1] === "]") return this.classLiteral(low);
    const dash = this.at;
    this.at++;
    const high = this.peek("[") ? "" : this.classCharacter(this.at);
    if (high === "" || high.length > 2) {
      // A dash before a set is a literal dash.
      this.at = dash;
      return this.classLiteral(low);
    }
    return this.classRange(low, high, start);
  }

  /** One character of a class (1 or 2 units), or the source of a set (longer). */
  private classCharacter(start: number): string {
    const character = this.character();
    if (character !== "\\") return character;
    const set = this.classEscape(start);
    return set ?? (this.take("b") ? "\b" : this.escapedCharacter(start));
  }

  private classLiteral(item: string): string {
    if (item.length > 2) return item;
    return (this.ignoreCase ? caseForms(item) : [item]).map(escapeLiteral).join("");
  }

  private classRange(low: string, high: string, start: number): string {
    const from = low.codePointAt(0) as number;
    const to = high.codePointAt(0) as number;
    if (from > to) this.fail("a range that runs backwards", start);
    const range = `${escapeLiteral(low)}-${escapeLiteral(high)}`;
    if (!this.ignoreCase) return range;
    if (to - from > 0x200) this.fail("a wide range under (?i)", start);
    let forms = "";
    for (let code = from; code <= to; code++) forms += caseForms(String.fromCodePoint(code)).map(escapeLiteral).join("");
    return range + forms;
  }
}
