import { JinjaSyntaxError, type Token } from "./tokens.ts";

/** The tokens of a template, read one after the other. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[this.#position]!;
  }

  get following(): Token {
    return this.#tokens[Math.min(this.#position + 1, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== "eof") this.#position++;
    return token;
  }

  is(type: Token["type"], value?: string): boolean {
    return this.current.type === type && (value === undefined || this.current.value === value);
  }

  /** Takes the current token if it is this one. */
  skip(type: Token["type"], value: string): boolean {
    if (!this.is(type, value)) return false;
    this.next();
    return true;
  }

  expect(type: Token["type"], value?: string): Token {
    if (!this.is(type, value))
      throw this.unexpected(value === undefined ? (type === "end" ? "the end of the tag" : `a ${type}`) : `"${value}"`);
    return this.next();
  }

  unexpected(expected: string): JinjaSyntaxError {
    const { type, value, at } = this.current;
    const found = type === "eof" ? "the template ends" : type === "end" ? `the tag ends` : `found ${type} ${JSON.stringify(value)}`;
    return new JinjaSyntaxError(`expected ${expected}, but ${found}`, at);
  }
}
