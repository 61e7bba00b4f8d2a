import { UnsupportedPatternError } from "../errors.ts";
import { oldProperty } from "./unicodeVersion.ts";

/**
 * Translates a regular expression of tokenizer.json (Oniguruma, Ruby syntax, UTF-8) to a JavaScript one with the flags "gv".
 *
 * What differs and is translated: `\s` (U+0085 is white space and U+FEFF is not), `\w`, `\d` and `\b` (Unicode-wide),
 * `.`, `^` and `$` (lines end at \n only), possessive quantifiers and atomic groups, `(?i:...)`, `\h`, `\p{Han}`, `\p{^L}`,
 * POSIX brackets and `&&` in classes. Anything else throws UnsupportedPatternError rather than being guessed.
 */
export function onigurumaToJs(pattern: string): RegExp {
  const translator = new Translator(pattern);
  return new RegExp(translator.translate(), "gv");
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

class Translator {
  private readonly pattern: string;
  private at = 0;
  private atomics = 0;
  private ignoreCase = false;
  private dotAll = false;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  translate(): string {
    const source = this.alternation();
    if (this.at < this.pattern.length) this.fail("unmatched )");
    return source;
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

  private alternation(): string {
    const branches = [this.sequence()];
    while (this.take("|")) branches.push(this.sequence());
    return branches.join("|");
  }

  private sequence(): string {
    let source = "";
    while (this.at < this.pattern.length && !this.peek("|") && !this.peek(")")) source += this.quantified();
    return source;
  }

  private quantified(): string {
    let source = this.atom();
    for (;;) {
      const quantifier = this.quantifier();
      if (quantifier === null) return source;
      if (source === "") this.fail("a quantifier with nothing to repeat");
      if (this.take("?")) source = `(?:${source}${quantifier}?)`;
      else if (!quantifier.startsWith("{") && this.take("+")) source = this.atomic(`${source}${quantifier}`);
      else source = `(?:${source}${quantifier})`;
    }
  }

  private quantifier(): string | null {
    for (const simple of ["*", "+", "?"]) if (this.take(simple)) return simple;
    const bounds = /^\{(\d*)(,?)(\d*)\}/.exec(this.pattern.slice(this.at, this.at + 24));
    if (bounds === null || (bounds[1] === "" && bounds[3] === "")) return null;
    this.at += bounds[0].length;
    return `{${bounds[1] === "" ? "0" : bounds[1]}${bounds[2]}${bounds[3]}}`;
  }

  /** JavaScript has no atomic groups; a captured lookahead that is then matched by name is one. */
  private atomic(source: string): string {
    const name = `atomic${this.atomics++}`;
    return `(?:(?=(?<${name}>${source}))\\k<${name}>)`;
  }

  private atom(): string {
    const start = this.at;
    const character = this.character();
    switch (character) {
      case "(":
        return this.group(start);
      case "[":
        return this.classBody();
      case ".":
        return this.dotAll ? "[\\s\\S]" : "[^\\n]";
      case "^":
        return "(?<=^|\\n)";
      case "$":
        return "(?=$|\\n)";
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

  private group(start: number): string {
    if (!this.take("?")) return `(?:${this.closeGroup(start)})`;
    for (const look of ["=", "!", "<=", "<!"]) if (this.take(look)) return `(?${look}${this.closeGroup(start)})`;
    if (this.take(":")) return `(?:${this.closeGroup(start)})`;
    if (this.take(">")) return this.atomic(`(?:${this.closeGroup(start)})`);
    const named = /^<[A-Za-z_]\w*>/.exec(this.pattern.slice(this.at));
    if (named !== null) {
      this.at += named[0].length;
      return `(?:${this.closeGroup(start)})`;
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
    return `(?:${body})`;
  }

  private setFlags(flags: string, on: boolean): void {
    if (flags.includes("i")) this.ignoreCase = on;
    if (flags.includes("m")) this.dotAll = on;
  }

  private closeGroup(start: number): string {
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

  private escape(start: number): string {
    if (this.take("w")) return `[${WORD}]`;
    if (this.take("W")) return `[^${WORD}]`;
    const set = this.classEscape(start);
    if (set !== null) return `[${set}]`;
    if (this.take("A")) return "(?<![\\s\\S])";
    if (this.take("z")) return "(?![\\s\\S])";
    if (this.take("Z")) return "(?=\\n?(?![\\s\\S]))";
    if (this.take("b")) return `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
    if (this.take("B")) return `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`;
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
  private literal(character: string): string {
    const forms = this.ignoreCase ? caseForms(character) : [character];
    return forms.length === 1 ? escapeLiteral(character) : `[${forms.map(escapeLiteral).join("")}]`;
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

/** Every character that equals this one when case is ignored: s, S and the long s. */
function caseForms(character: string): readonly string[] {
  const forms = new Set([character]);
  const single = (form: string): boolean => [...form].length === 1;
  for (const form of [character.toLowerCase(), character.toUpperCase()]) if (single(form)) forms.add(form);
  // The characters outside these pairs that fold to an ASCII or Latin letter.
  for (const other of ["\u017f", "\u212a", "\u212b", "\u1e9e"]) {
    if (new RegExp(`^${escapeLiteral(other)}$`, "iv").test(character)) forms.add(other);
  }
  return [...forms];
}

function escapeLiteral(character: string): string {
  return /^[A-Za-z0-9]$/.test(character) ? character : `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}
