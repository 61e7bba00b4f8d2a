import { isPythonSpace } from "../pythonWhitespace.ts";
import { stringValue } from "./stringEscapes.ts";

export interface Token {
  /** "end" closes a tag; "variable" and "block" open one; "text" is what stands between tags. */
  readonly type: "text" | "variable" | "block" | "end" | "name" | "string" | "integer" | "float" | "operator" | "eof";
  /** The text, name, operator, digits, or the string's value. */
  readonly value: string;
  /** UTF-16 offset in the source. */
  readonly at: number;
}

/** A template that cannot be parsed, with the place of the fault. */
export class JinjaSyntaxError extends Error {
  override readonly name = "JinjaSyntaxError";
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const opening = /\{\{|\{%|\{#/g;
const rawOpening = /\{%[-+]?\s*raw\s*(-?)%\}/y;
const rawClosing = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
const float = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y;
const integer = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const name = /[\p{L}\p{Nl}_][\p{L}\p{M}\p{N}\p{Pc}]*/uy;
const string = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,]/y;
const closers: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/**
 * Splits a chat template into tokens, with the white space around tags as transformers sets Jinja up:
 * `trim_blocks` (the line end behind a block or comment goes), `lstrip_blocks` (so does the blank before one that begins
 * its line), and the last line end of the source.
 * @throws JinjaSyntaxError
 */
export function tokenize(source: string): Token[] {
  return new Lexer(source.replace(/\r\n?/g, "\n").replace(/\n$/, "")).run();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    while (this.#at < this.#source.length) this.#textAndTag();
    this.#push("eof", "", this.#source.length);
    return this.#tokens;
  }

  #push(type: Token["type"], value: string, at: number): void {
    this.#tokens.push({ type, value, at });
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source);
  }

  #textAndTag(): void {
    const start = this.#at;
    const found = this.#match(opening);
    if (!found) {
      this.#push("text", this.#source.slice(start), start);
      this.#at = this.#source.length;
      return;
    }
    const sign = /[-+]/.exec(this.#source.charAt(found.index + 2))?.[0] ?? "";
    const kind = found[0];
    const text = this.#source.slice(start, this.#textEnd(start, found.index, sign, kind !== "{{"));
    if (text !== "") this.#push("text", text, start);
    this.#at = found.index;
    if (kind === "{#") return this.#comment();
    const raw = kind === "{%" ? this.#match(rawOpening) : null;
    if (raw) return this.#raw(raw);
    this.#push(kind === "{{" ? "variable" : "block", kind, found.index);
    this.#at += 2 + sign.length;
    this.#insideTag(kind === "{{" ? "}}" : "%}");
  }

  /** Where the text before a tag ends, what its sign or `lstrip_blocks` takes away left out. */
  #textEnd(start: number, end: number, sign: string, isBlock: boolean): number {
    let kept = end;
    if (sign === "-") {
      while (kept > start && isPythonSpace(this.#source[kept - 1]!)) kept--;
    } else if (sign !== "+" && isBlock) {
      while (kept > start && this.#source[kept - 1] !== "\n" && isPythonSpace(this.#source[kept - 1]!)) kept--;
      const beginsLine = kept === 0 || this.#source[kept - 1] === "\n";
      if (!beginsLine) kept = end;
    }
    return kept;
  }

  #comment(): void {
    const close = this.#source.indexOf("#}", this.#at + 2);
    if (close < 0) throw new JinjaSyntaxError("a comment is not closed: #} is missing", this.#at);
    const sign = close > this.#at + 2 ? this.#source[close - 1]! : "";
    this.#at = close + 2;
    this.#trimBehind(sign, true);
  }

  #raw(open: RegExpExecArray): void {
    this.#at += open[0].length;
    if (open[1] === "-") this.#trimBehind("-", false);
    const start = this.#at;
    const close = this.#match(rawClosing);
    if (!close) throw new JinjaSyntaxError("{% raw %} is not closed: {% endraw %} is missing", open.index);
    this.#push("text", this.#source.slice(start, this.#textEnd(start, close.index, close[1]!, true)), start);
    this.#at = close.index + close[0].length;
    this.#trimBehind(close[2]!, true);
  }

  /** Skips the white space behind a tag that ended with `sign`. */
  #trimBehind(sign: string, isBlock: boolean): void {
    if (sign === "-") this.#space();
    else if (sign !== "+" && isBlock && this.#source[this.#at] === "\n") this.#at++;
  }

  #space(): void {
    while (this.#at < this.#source.length && isPythonSpace(this.#source[this.#at]!)) this.#at++;
  }

  #insideTag(end: "}}" | "%}"): void {
    const opened = this.#tokens.at(-1)!;
    const open: string[] = [];
    for (;;) {
      this.#space();
      const at = this.#at;
      if (at >= this.#source.length) throw new JinjaSyntaxError(`${opened.value} is not closed: ${end} is missing`, opened.at);
      if (open.length === 0 && this.#tagEnd(end)) return;
      this.#token(at, open);
    }
  }

  #tagEnd(end: "}}" | "%}"): boolean {
    const sign = /[-+]/.exec(this.#source.charAt(this.#at))?.[0] ?? "";
    if (sign === "+" && end === "}}") return false;
    if (!this.#source.startsWith(end, this.#at + sign.length)) return false;
    this.#push("end", sign + end, this.#at);
    this.#at += sign.length + 2;
    this.#trimBehind(sign, end === "%}");
    return true;
  }

  #token(at: number, open: string[]): void {
    const take = (type: Token["type"], pattern: RegExp): string | null => {
      const found = this.#match(pattern)?.[0];
      if (found === undefined) return null;
      this.#at += found.length;
      this.#push(type, type === "string" ? stringValue(found) : found, at);
      return found;
    };
    // Behind a dot stands an index or a name: "a.0.1" holds no float.
    const isIndex = this.#tokens.at(-1)?.value === "." && this.#tokens.at(-1)?.type === "operator";
    if (!isIndex && take("float", float) !== null) return;
    if (take("integer", integer) !== null || take("name", name) !== null || take("string", string) !== null) return;
    const sign = take("operator", operator);
    if (sign === null) throw new JinjaSyntaxError(`unexpected character ${JSON.stringify(this.#source[at])}`, at);
    if (closers[sign] !== undefined) open.push(closers[sign]);
    else if (sign === ")" || sign === "]" || sign === "}") {
      const expected = open.pop();
      if (expected !== sign) throw new JinjaSyntaxError(`unexpected "${sign}"${expected ? `, expected "${expected}"` : ""}`, at);
    }
  }
}
