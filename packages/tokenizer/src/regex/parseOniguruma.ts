import { UnsupportedPatternError } from "../errors.ts";
import { caseForms, escapeLiteral } from "./literals.ts";
import { patternSource, type Pattern } from "./pattern.ts";
import { oldProperty } from "./unicodeVersion.ts";

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

const SPACE = "\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
/** `\w` inside a class; a bare `\w` takes these six Latin-1 characters as well, which is how Oniguruma's tables have it. */
const WORD_IN_CLASS: string = ["Alphabetic", "M", "Nd", "Pc"].map((name) => oldProperty(name, false)).join("");
const WORD = `${WORD_IN_CLASS}\\xb2\\xb3\\xb9\\xbc-\\xbe`;
const POSIX: Readonly<Record<string, string>> = {
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
  word: WORD_IN_CLASS,
  xdigit: "0-9a-fA-F",
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };

const ASSERTIONS: readonly (readonly [string, string])[] = [
  ["A", "(?<![\\s\\S])"],
  ["z", "(?![\\s\\S])"],
  ["Z", "(?=\\n?(?![\\s\\S]))"],
  ["b", `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`],
  ["B", `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`],
];

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
    if (this.take("w")) return { kind: "set", source: `[${WORD}]` };
    if (this.take("W")) return { kind: "set", source: `[^${WORD}]` };
    const set = this.classEscape(start);
    if (set !== null) return { kind: "set", source: `[${set}]` };
    for (const [letter, source] of ASSERTIONS) if (this.take(letter)) return { kind: "assertion", source };
    return this.literal(this.escapedCharacter(start));
  }

  /** The content of a class for `\s`, `\p{L}` and the like; null if the escape stands for one character. */
  private classEscape(start: number): string | null {
    const sets: Readonly<Record<string, string>> = { s: SPACE, w: WORD_IN_CLASS, d: oldProperty("Nd", false), h: "0-9a-fA-F" };
    const letter = this.pattern[this.at] ?? "";
    const lower = letter.toLowerCase();
    if (lower in sets) {
      this.at++;
      return letter === lower ? sets[lower] : `[^${sets[lower]}]`;
    }
    if (lower !== "p") return null;
    const property = /^[pP]\{(\^?)([\w =-]+)\}/.exec(this.pattern.slice(this.at));
    if (property === null) return this.fail("an unfinished property", start);
    this.at += property[0].length;
    const negated = (letter === "P") !== (property[1] === "^");
    // Oniguruma's \p{Punct} is P alone; only its bracket [:punct:] takes symbols as well.
    const name = property[2].toLowerCase();
    const posix = name === "punct" ? oldProperty("P", false) : POSIX[name];
    if (posix !== undefined) return negated ? `[^${posix}]` : posix;
    return oldProperty(this.propertyName(property[2], start), negated);
  }

  private propertyName(name: string, start: number): string {
    const capital = name.charAt(0).toUpperCase() + name.slice(1).toLowerCase();
    for (const candidate of [name, capital, `Script=${name}`, `Script=${capital}`]) {
      try {
        new RegExp(`\\p{${candidate}}`, "v");
        return candidate;
      } catch {
        // Not a name that JavaScript knows; try the next spelling.
      }
    }
    return this.fail(`the unknown property ${name}`, start);
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
    if (posix !== null && posix[2] in POSIX) {
      this.at += posix[0].length;
      return posix[1] === "^" ? `[^${POSIX[posix[2]]}]` : POSIX[posix[2]];
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
