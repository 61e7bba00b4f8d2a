import { ASSERTIONS, BARE_WORD } from "./characterSets.ts";
import { characterClass } from "./characterClass.ts";
import { escapedCharacter, setEscape } from "./escapes.ts";
import { caseForms, escapeLiteral } from "./literals.ts";
import { patternSource, type Pattern } from "./pattern.ts";
import { PatternCursor } from "./patternCursor.ts";

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

class Parser {
  private readonly cursor: PatternCursor;
  private ignoreCase = false;
  private dotAll = false;

  constructor(pattern: string) {
    this.cursor = new PatternCursor(pattern);
  }

  parse(): Pattern {
    const tree = this.alternation();
    if (!this.cursor.isAtEnd) this.cursor.fail("unmatched )");
    return tree;
  }

  private alternation(): Pattern {
    const branches = [this.sequence()];
    while (this.cursor.take("|")) branches.push(this.sequence());
    return branches.length === 1 ? branches[0] : { kind: "choice", branches };
  }

  private sequence(): Pattern {
    const parts: Pattern[] = [];
    while (!this.cursor.isAtEnd && !this.cursor.peek("|") && !this.cursor.peek(")")) parts.push(this.quantified());
    return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
  }

  private quantified(): Pattern {
    let body = this.atom();
    for (;;) {
      const bounds = this.quantifier();
      if (bounds === null) return body;
      const { min, max, braced } = bounds;
      if (this.cursor.take("?")) body = { kind: "repeat", body, min, max, mode: "lazy" };
      // After braces a plus repeats the repetition in Ruby syntax; it is not possessive.
      else if (!braced && this.cursor.take("+")) body = { kind: "repeat", body, min, max, mode: "possessive" };
      else body = { kind: "repeat", body, min, max, mode: "greedy" };
    }
  }

  private quantifier(): { min: number; max: number; braced: boolean } | null {
    if (this.cursor.take("*")) return { min: 0, max: Infinity, braced: false };
    if (this.cursor.take("+")) return { min: 1, max: Infinity, braced: false };
    if (this.cursor.take("?")) return { min: 0, max: 1, braced: false };
    const bounds = this.cursor.takeMatch(/^\{(?=[\d,]*\d)(\d{0,10})(,?)(\d{0,10})\}/);
    if (bounds === null) return null;
    const min = bounds[1] === "" ? 0 : Number(bounds[1]);
    return { min, max: bounds[2] === "" ? min : bounds[3] === "" ? Infinity : Number(bounds[3]), braced: true };
  }

  private atom(): Pattern {
    const start = this.cursor.at;
    const character = this.cursor.character();
    switch (character) {
      case "(":
        return this.group(start);
      case "[":
        return { kind: "set", source: characterClass(this.cursor, this.ignoreCase) };
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
        return this.cursor.fail("a quantifier with nothing to repeat", start);
      default:
        return this.literal(character);
    }
  }

  private group(start: number): Pattern {
    if (!this.cursor.take("?")) return this.closeGroup(start);
    for (const look of ["=", "!", "<=", "<!"]) {
      if (this.cursor.take(look)) return { kind: "assertion", source: `(?${look}${patternSource(this.closeGroup(start))})` };
    }
    if (this.cursor.take(":")) return this.closeGroup(start);
    if (this.cursor.take(">")) return { kind: "atomic", body: this.closeGroup(start) };
    if (this.cursor.takeMatch(/^<[A-Za-z_]\w*>/)) return this.closeGroup(start);
    const flags = this.cursor.takeMatch(/^([im]*)(?:-([im]+))?([:)])/);
    if (flags === null) return this.cursor.fail("an unknown kind of group", start);
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
    if (!this.cursor.take(")")) this.cursor.fail("a group that is not closed", start);
    return body;
  }

  private escape(start: number): Pattern {
    if (this.cursor.take("w")) return { kind: "set", source: `[${BARE_WORD}]` };
    if (this.cursor.take("W")) return { kind: "set", source: `[^${BARE_WORD}]` };
    const set = setEscape(this.cursor, start);
    if (set !== null) return { kind: "set", source: `[${set}]` };
    for (const [letter, source] of ASSERTIONS) if (this.cursor.take(letter)) return { kind: "assertion", source };
    return this.literal(escapedCharacter(this.cursor, start));
  }

  /** One literal character outside a class. */
  private literal(character: string): Pattern {
    const forms = this.ignoreCase ? caseForms(character) : [character];
    return { kind: "set", source: forms.length === 1 ? escapeLiteral(character) : `[${forms.map(escapeLiteral).join("")}]` };
  }
}
