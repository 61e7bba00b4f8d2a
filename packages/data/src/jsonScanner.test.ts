import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createJsonScanner, JsonFault } from "./jsonScanner.ts";
import type { JsonScanMode, ScannedValue } from "./jsonScanner.ts";

/** Feeds a text in pieces cut at the given places. */
function scanInPieces(text: string, cuts: readonly number[], mode: JsonScanMode = "array"): ScannedValue[] {
  const scanner = createJsonScanner(mode);
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
  const values = places.slice(1).flatMap((end, i) => scanner.push(text.slice(places[i], end)));
  return [...values, ...scanner.end()];
}

function faultOf(text: string, cuts: readonly number[] = [], mode: JsonScanMode = "array"): JsonFault | undefined {
  try {
    scanInPieces(text, cuts, mode);
  } catch (error) {
    if (error instanceof JsonFault) return error;
    throw error;
  }
  return undefined;
}

const space = fc.constantFrom("", " ", "\n", "\r\n", "\r", "\t", "\n\n  ");
const cuts = fc.array(fc.nat(), { maxLength: 5 });
const elements = fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 5 });

test("gives every element's text and place, however the text is cut", () => {
  fc.assert(
    fc.property(
      elements,
      fc.array(space, { minLength: 12, maxLength: 12 }),
      fc.constantFrom(0, 1, "\t"),
      cuts,
      (values, spaces, indent, at) => {
        let text = `${spaces[0]}[${spaces[1]}`;
        const expected: ScannedValue[] = [];
        for (const [i, value] of values.entries()) {
          const lines = text.split(/\r\n|\n|\r/);
          const element = JSON.stringify(value, null, indent);
          expected.push({ text: element, line: lines.length, column: lines.at(-1)!.length + 1 });
          text += `${element}${spaces[2 + 2 * i]}${i < values.length - 1 ? `,${spaces[3 + 2 * i]}` : ""}`;
        }
        expect(scanInPieces(`${text}]\n`, at)).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test("accepts an array if and only if JSON.parse does, and then means the same", () => {
  const change = fc.tuple(fc.nat(), fc.constantFrom("", ...'{}[]":,\\0123e+-.tfnu \n\t\u0001\ud800é'));
  const spoilt = fc.tuple(elements, fc.array(change, { maxLength: 3 })).map(([values, changes]) => {
    let text = JSON.stringify(values);
    for (const [at, character] of changes) {
      const place = 1 + (at % text.length);
      text = text.slice(0, place) + character + text.slice(place + (at % 2));
    }
    return text;
  });
  fc.assert(
    fc.property(spoilt, cuts, (text, at) => {
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = undefined;
      }
      if (parsed === undefined) expect(faultOf(text, at)).toBeDefined();
      else expect(scanInPieces(text, at).map((value) => JSON.parse(value.text) as unknown)).toEqual(parsed);
    }),
    { numRuns: 3000 },
  );
});

test("values that follow one another are given one by one, scalars at the end too", () => {
  const texts = scanInPieces('{"a":1} [2]\n"x"{"b":{}}true 12', [3, 9, 20], "values").map(({ text }) => text);
  expect(texts).toEqual(['{"a":1}', "[2]", '"x"', '{"b":{}}', "true", "12"]);
});

const faults: [title: string, text: string, line: number, column: number, says: string][] = [
  ["a trailing comma in an object", '[\n  {"a": 1},\n  {"abcd": 12,}\n]', 3, 14, "trailing comma at line 3 column 14, before '}'"],
  [
    "a trailing comma, the bracket a line below",
    '[\r\n  {"a": 1},\r\n  {"abcd": 12}, \r\n]',
    3,
    15,
    "trailing comma at line 3 column 15, before ']'",
  ],
  ["a missing comma", '[{"a": 1}\n {"a": 2}]', 2, 2, "expected ',' or ']', found \"{\""],
  ["an array that is never closed", '[{"a": 1},\n{"a": [2', 2, 9, "the text ends, but '[' of line 2 is never closed"],
  ["a string that is never closed", '[{"a":\n"x}]', 2, 5, "the string that begins at line 2 column 1 is never closed"],
  ["a raw line break in a string", '[{"a": "x\ny"}]', 1, 10, "a raw line break inside a string; JSON writes it as \\n"],
  ["a bad escape", '["\\x41"]', 1, 4, "\\x is not a JSON escape"],
  ["a bad unicode escape", '["\\u12g4"]', 1, 7, "expected four hexadecimal digits"],
  ["a short unicode escape", '["\\u123"]', 1, 8, "expected four hexadecimal digits"],
  ["single quotes", "[{'a': 1}]", 1, 3, 'expected a name in double quotes, found "\'"'],
  ["NaN", '[{"a": NaN}]', 1, 8, "expected a value, found NaN"],
  ["a leading zero", "[01]", 1, 2, "expected a value, found 01"],
  ["a comment", "[ // x\n1]", 1, 3, 'expected a value, found "/"'],
  ["a missing colon", '[{"a" 1}]', 1, 7, "expected ':' after a name, found \"1\""],
  ["the wrong bracket", '[{"a": 1]', 1, 9, "expected ',' or '}', found \"]\""],
  ["something after the array", "[]\n[]", 2, 1, "expected nothing after the closing ']'"],
  ["columns counted in UTF-16 units", '["😀" x]', 1, 7, 'found "x"'],
];

test.each(faults)("%s is found at its place, in one piece and character by character", (_, text, line, column, says) => {
  for (const at of [[], [...text].map((_character, i) => i)]) {
    const fault = faultOf(text, at);
    expect({ line: fault?.line, column: fault?.column }).toEqual({ line, column });
    expect(fault?.message).toContain(says);
  }
});
