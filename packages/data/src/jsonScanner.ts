/** Where a JSON text stops being JSON. Lines and columns count from 1, columns in UTF-16 code units. */
export class JsonFault extends Error {
  override readonly name: string = "JsonFault";
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, reason: string) {
    super(reason);
    this.line = line;
    this.column = column;
  }
}

/** A complete value, checked, and the place of its first character. */
export interface ScannedValue {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/**
 * What the text as a whole is: an "array" whose elements are wanted, or "values" that follow one another,
 * with or without commas of an array around them left out.
 */
export type JsonScanMode = "array" | "values";

export interface JsonScanner {
  /** Takes the next piece of the text and gives the values that it completes. Throws {@link JsonFault}. */
  push(piece: string): ScannedValue[];
  /** Says that the text is over; gives a last value that only its end completes. Throws {@link JsonFault}. */
  end(): ScannedValue[];
}

const numberPattern = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const wordCharacter = /[-+.\w]/;

/** What may come next. */
type State = "value" | "value or ]" | "name" | "name or }" | "colon" | "after value" | "string" | "escape" | "word" | "done";

/**
 * Reads JSON (RFC 8259) that arrives in pieces, keeping only the value under way in memory, and gives the elements of
 * the outermost array (or the values that follow one another) as texts that `JSON.parse` accepts.
 * Every fault is found at its own line and column. `line` is the number of the text's first line.
 */
export function createJsonScanner(mode: JsonScanMode, line: number = 1): JsonScanner {
  let state: State = "value";
  let column = 1;
  let afterReturn = false;
  /** Open brackets, outermost first, with the lines that they are on. */
  const open: { bracket: "[" | "{"; line: number }[] = [];
  const wantedDepth = mode === "array" ? 1 : 0;
  let stringIsName = false;
  let escapeDigits = 0;
  let word = "";
  let comma = { line: 0, column: 0 };
  let tokenStart = { line: 0, column: 0 };
  /** The value under way: its text so far, and where in the current piece what follows begins (-1: none is under way). */
  let kept = "";
  let keptFrom = -1;
  let valueStart = { line: 0, column: 0 };

  function fail(reason: string, place: { line: number; column: number } = { line, column }): never {
    throw new JsonFault(place.line, place.column, reason);
  }

  function advance(character: string): void {
    if (character === "\n") {
      if (!afterReturn) line++;
      column = 1;
    } else if (character === "\r") {
      line++;
      column = 1;
    } else column++;
    afterReturn = character === "\r";
  }

  function push(piece: string): ScannedValue[] {
    const values: ScannedValue[] = [];
    if (keptFrom !== -1) keptFrom = 0;

    const finishValue = (end: number): void => {
      if (open.length === wantedDepth) {
        values.push({ text: kept + piece.slice(keptFrom, end), ...valueStart });
        kept = "";
        keptFrom = -1;
      }
      state = open.length > 0 ? "after value" : mode === "values" ? "value" : "done";
    };

    const close = (end: number): void => {
      open.pop();
      if (keptFrom === -1) state = "done";
      else finishValue(end);
    };

    const beginValue = (character: string, at: number): void => {
      if (open.length === wantedDepth) {
        valueStart = { line, column };
        keptFrom = at;
      }
      tokenStart = { line, column };
      if (character === "{" || character === "[") {
        open.push({ bracket: character, line });
        state = character === "{" ? "name or }" : "value or ]";
      } else if (character === '"') {
        state = "string";
        stringIsName = false;
      } else if (wordCharacter.test(character)) {
        state = "word";
        word = character;
      } else fail(`expected a value, found ${JSON.stringify(character)}`);
    };

    for (let at = 0; at < piece.length; at++) {
      const character = piece[at];
      if (state === "string") {
        // Most of a data file is the inside of strings: pass over it without looking at states.
        const from = at;
        while (at < piece.length && isPlain(piece.charCodeAt(at))) at++;
        column += at - from;
        if (at === piece.length) break;
        const stop = piece[at];
        if (stop === '"') {
          if (stringIsName) state = "colon";
          else finishValue(at + 1);
        } else if (stop === "\\") {
          state = "escape";
          escapeDigits = 0;
        } else fail(`a raw ${controlName(stop)} inside a string; JSON writes it as ${JSON.stringify(stop).slice(1, -1)}`);
        advance(stop);
        continue;
      }
      if (state === "escape") {
        if (escapeDigits > 0) {
          if (!/[0-9a-fA-F]/.test(character)) fail("expected four hexadecimal digits after \\u");
          if (--escapeDigits === 0) state = "string";
        } else if (character === "u") escapeDigits = 4;
        else if ('"\\/bfnrt'.includes(character)) state = "string";
        else fail(`\\${character} is not a JSON escape`);
        advance(character);
        continue;
      }
      if (state === "word") {
        if (wordCharacter.test(character)) {
          word += character;
          advance(character);
          continue;
        }
        checkWord();
        finishValue(at);
      }
      if (character !== " " && character !== "\n" && character !== "\r" && character !== "\t") step(character, at);
      advance(character);
    }
    if (keptFrom !== -1) kept += piece.slice(keptFrom);
    return values;

    function step(character: string, at: number): void {
      const found = JSON.stringify(character);
      switch (state) {
        case "value or ]":
          if (character === "]") return close(at + 1);
          return beginElement(character, at);
        case "value":
          if (character === "]" && open.at(-1)?.bracket === "[") fail(trailing("]"), comma);
          return beginElement(character, at);
        case "name or }":
          if (character === "}") return close(at + 1);
          return beginName(character);
        case "name":
          if (character === "}") fail(trailing("}"), comma);
          return beginName(character);
        case "colon":
          if (character !== ":") fail(`expected ':' after a name, found ${found}`);
          state = "value";
          return;
        case "after value": {
          const inArray = open.at(-1)!.bracket === "[";
          const closing = inArray ? "]" : "}";
          if (character === closing) return close(at + 1);
          if (character !== ",") fail(`expected ',' or '${closing}', found ${found}`);
          comma = { line, column };
          state = inArray ? "value" : "name";
          return;
        }
        default:
          fail(`expected nothing after the closing ']', found ${found}`);
      }
    }

    function beginElement(character: string, at: number): void {
      if (mode === "array" && open.length === 0) {
        if (character !== "[") fail(`expected '[', found ${JSON.stringify(character)}`);
        open.push({ bracket: "[", line });
        state = "value or ]";
      } else beginValue(character, at);
    }

    function beginName(character: string): void {
      if (character !== '"') fail(`expected a name in double quotes, found ${JSON.stringify(character)}`);
      tokenStart = { line, column };
      stringIsName = true;
      state = "string";
    }
  }

  function trailing(bracket: string): string {
    return `trailing comma at line ${comma.line} column ${comma.column}, before '${bracket}'`;
  }

  function checkWord(): void {
    if (word === "true" || word === "false" || word === "null" || numberPattern.test(word)) return;
    fail(`expected a value, found ${word}`, tokenStart);
  }

  function end(): ScannedValue[] {
    if (state === "word" && open.length === 0) {
      checkWord();
      return [{ text: kept, ...valueStart }];
    }
    if (state === "string" || state === "escape") {
      fail(`the string that begins at line ${tokenStart.line} column ${tokenStart.column} is never closed`);
    }
    const unclosed = open.at(-1);
    if (unclosed !== undefined) fail(`the text ends, but '${unclosed.bracket}' of line ${unclosed.line} is never closed`);
    return [];
  }

  return { push, end };
}

/** Whether a character may stand in a string as it is. */
function isPlain(code: number): boolean {
  return code !== 0x22 && code !== 0x5c && code >= 0x20;
}

function controlName(character: string): string {
  return { "\n": "line break", "\r": "line break", "\t": "tab" }[character] ?? "control character";
}
