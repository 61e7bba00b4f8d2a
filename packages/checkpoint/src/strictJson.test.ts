import * as fc from "fast-check";
import { expect, test } from "vitest";
import { JsonSyntaxError, parseStrictJson } from "./strictJson.ts";

function outcomeOf(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof JsonSyntaxError) return "refused";
    throw error;
  }
}

test("accepts and means what JSON.parse does, names that come twice apart", () => {
  const change = fc.tuple(fc.nat(), fc.constantFrom("", ...'{}[]":,\\0123e+-.tfnu \n\t\u0001\u2028é'));
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 4 }),
      fc.constantFrom(0, 1, "\t"),
      fc.array(change, { maxLength: 3 }),
      (value, indent, changes) => {
        let text = JSON.stringify(value, null, indent);
        for (const [at, character] of changes) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + character + text.slice(place + (at % 2));
        }
        const parsed = outcomeOf(() => parseStrictJson(text));
        // The one difference, which the cases below pin down.
        if (parsed === "refused" && duplicateOf(text) !== undefined) return;
        expect(parsed).toEqual(outcomeOf(() => JSON.parse(text) as unknown));
      },
    ),
    { numRuns: 3000 },
  );
});

function duplicateOf(text: string): string | undefined {
  try {
    parseStrictJson(text);
  } catch (error) {
    return (error as JsonSyntaxError).duplicate;
  }
  return undefined;
}

const refused: [text: string, line: number, column: number, reason: string, duplicate?: string][] = [
  ['{"a":1,\n"a":2}', 2, 1, 'the name "a" comes twice', "a"],
  ['{"a":1,"\\u0061":2}', 1, 8, 'the name "a" comes twice', "a"],
  ['[{"b":{"c":1,"c":1}}]', 1, 14, 'the name "c" comes twice', "c"],
  ['{\n"a": 1,\n}', 2, 7, "trailing comma before '}'"],
  ["[1, 2 ,]", 1, 7, "trailing comma before ']'"],
  ['{"a" 1}', 1, 6, "expected ':' after a name, found \"1\""],
  ['{"a": 1', 1, 8, "expected ',' or '}', but the text ends here"],
  ['"x\ny"', 1, 1, "this string has a raw control character"],
  ["", 1, 1, "expected a value, but the text ends here"],
  [`${"[".repeat(300)}`, 1, 258, "nested deeper than 256 levels"],
];

test.each(refused)("%j is refused at line %d, column %d", (text, line, column, reason, duplicate) => {
  let error: unknown;
  try {
    parseStrictJson(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(JsonSyntaxError);
  expect(error).toMatchObject({ line, column, duplicate });
  expect((error as JsonSyntaxError).reason).toContain(reason);
});

test("strings of ten million characters are no strain", () => {
  const long = "x\\n".repeat(5_000_000);
  expect((parseStrictJson(`["${long}"]`) as string[])[0].length).toBe(10_000_000);
  expect(() => parseStrictJson(`["${long}`)).toThrow("line 1, column 2: this string is never closed");
});

test("a name that every object inherits is only a name", () => {
  expect(Object.keys(parseStrictJson('{"__proto__":1,"toString":2}') as object)).toEqual(["__proto__", "toString"]);
});
