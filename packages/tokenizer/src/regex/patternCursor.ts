import { UnsupportedPatternError } from "../errors.ts";

/** A place in a pattern that is being read. */
export class PatternCursor {
  readonly pattern: string;
  at = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  get isAtEnd(): boolean {
    return this.at >= this.pattern.length;
  }

  fail(reason: string, position: number = this.at): never {
    throw new UnsupportedPatternError(this.pattern, position, reason);
  }

  peek(text: string): boolean {
    return this.pattern.startsWith(text, this.at);
  }

  take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.at += text.length;
    return true;
  }

  /** Takes what an expression that begins with "^" matches here. */
  takeMatch(expression: RegExp): RegExpExecArray | null {
    const match = expression.exec(this.pattern.slice(this.at));
    if (match !== null) this.at += match[0].length;
    return match;
  }

  /** Takes one code point. */
  character(): string {
    const codePoint = this.pattern.codePointAt(this.at);
    if (codePoint === undefined) return this.fail("an unfinished pattern");
    const character = String.fromCodePoint(codePoint);
    this.at += character.length;
    return character;
  }
}
