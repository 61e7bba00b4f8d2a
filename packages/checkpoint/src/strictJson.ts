/** A JSON text that is refused, and where. */
export class JsonSyntaxError extends Error {
  override readonly name: string = "JsonSyntaxError";
  /** UTF-16 offset of the character at fault; the text's length when it ended too early. */
  readonly offset: number;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 code units. */
  readonly column: number;
  readonly reason: string;
  /** The name that an object holds twice, when that is the fault. */
  readonly duplicate: string | undefined;

  constructor(text: string, offset: number, reason: string, duplicate?: string) {
    const before = text.slice(0, offset);
    const line = before.split("\n").length;
    const column = offset - (before.lastIndexOf("\n") + 1) + 1;
    super(`line ${line}, column ${column}: ${reason}`);
    this.offset = offset;
    this.line = line;
    this.column = column;
    this.reason = reason;
    this.duplicate = duplicate;
  }
}

const deepest = 256;
const quote = 0x22;
const backslash = 0x5c;
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const spacePattern = /[ \t\n\r]*/y;

/**
 * Parses JSON (RFC 8259) like `JSON.parse`, and also refuses what that hides: the same name twice in one object.
 * Throws {@link JsonSyntaxError} with the offset, line and column of the first fault.
 */
export function parseStrictJson(text: string): unknown {
  let at = 0;

  function skipSpace(): void {
    spacePattern.lastIndex = at;
    spacePattern.test(text);
    at = spacePattern.lastIndex;
  }

  function fail(reason: string): never {
    throw new JsonSyntaxError(text, at, at >= text.length ? `${reason}, but the text ends here` : reason);
  }

  /** Passes the ',' that `at` is on, refusing it at its own place when only the closing bracket follows. */
  function skipComma(closing: string): void {
    const comma = at++;
    skipSpace();
    if (text[at] === closing) throw new JsonSyntaxError(text, comma, `trailing comma before '${closing}'`);
  }

  function found(): string {
    return at >= text.length ? "" : `, found ${JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))}`;
  }

  function parseString(what: string): string {
    if (text[at] !== '"') fail(`expected ${what}${found()}`);
    let end = at + 1;
    while (end < text.length && text.charCodeAt(end) !== quote) end += text.charCodeAt(end) === backslash ? 2 : 1;
    if (end >= text.length) return fail("this string is never closed");
    try {
      const value = JSON.parse(text.slice(at, end + 1)) as string;
      at = end + 1;
      return value;
    } catch {
      return fail("this string has a raw control character or a bad escape");
    }
  }

  function parseNumber(): number {
    numberPattern.lastIndex = at;
    const match = numberPattern.exec(text);
    if (match === null) return fail("expected digits after '-'");
    at = numberPattern.lastIndex;
    return Number(match[0]);
  }

  function parseWord<T>(word: string, value: T): T {
    if (!text.startsWith(word, at)) fail(`expected a value${found()}`);
    at += word.length;
    return value;
  }

  function parseArray(depth: number): unknown[] {
    const items: unknown[] = [];
    at++;
    skipSpace();
    if (text[at] === "]") return (at++, items);
    for (;;) {
      items.push(parseValue(depth));
      if (text[at] === "]") return (at++, items);
      if (text[at] !== ",") fail(`expected ',' or ']'${found()}`);
      skipComma("]");
    }
  }

  function parseObject(depth: number): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    at++;
    skipSpace();
    if (text[at] === "}") return (at++, {});
    for (;;) {
      const start = at;
      const name = parseString("a name in double quotes");
      if (entries.has(name)) {
        throw new JsonSyntaxError(text, start, `the name ${JSON.stringify(name)} comes twice in one object`, name);
      }
      skipSpace();
      if (text[at] !== ":") fail(`expected ':' after a name${found()}`);
      at++;
      entries.set(name, parseValue(depth));
      if (text[at] === "}") return (at++, Object.fromEntries(entries));
      if (text[at] !== ",") fail(`expected ',' or '}'${found()}`);
      skipComma("}");
    }
  }

  function parseValue(depth: number): unknown {
    skipSpace();
    if (depth > deepest) fail(`nested deeper than ${deepest} levels`);
    const value = parseBareValue(depth + 1);
    skipSpace();
    return value;
  }

  function parseBareValue(depth: number): unknown {
    const first = text[at];
    if (first === "{") return parseObject(depth);
    if (first === "[") return parseArray(depth);
    if (first === '"') return parseString("a string");
    if (first === "t") return parseWord("true", true);
    if (first === "f") return parseWord("false", false);
    if (first === "n") return parseWord("null", null);
    if (first === "-" || (first >= "0" && first <= "9")) return parseNumber();
    return fail(`expected a value${found()}`);
  }

  const value = parseValue(0);
  if (at < text.length) fail(`expected the end of the text${found()}`);
  return value;
}
