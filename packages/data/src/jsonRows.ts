import { DataError } from "./dataError.ts";
import { makeRow } from "./dataRow.ts";
import type { DataRow } from "./dataRow.ts";
import { createJsonScanner, JsonFault } from "./jsonScanner.ts";
import type { JsonScanner, ScannedValue } from "./jsonScanner.ts";

/**
 * Rows of a JSON text that arrives in pieces: an array of objects, as LitGPT and alpaca have it, or several objects
 * one after another, which some name `.json` too. Holds one row at a time.
 */
export async function* jsonRows(chunks: AsyncIterable<string>, path: string): AsyncGenerator<DataRow> {
  let scanner: JsonScanner | undefined;
  let isArray = false;
  let blank = "";
  let row = 0;
  /** A first object that is not in an array: a row only if a second one follows. */
  let lone: DataRow | undefined;

  function* rowsOf(values: readonly ScannedValue[]): Generator<DataRow> {
    for (const { text, line } of values) {
      const made = makeRow(path, ++row, line, text, JSON.parse(text));
      if (!isArray && row === 1) {
        lone = made;
        continue;
      }
      if (lone !== undefined) yield lone;
      lone = undefined;
      yield made;
    }
  }

  for await (const chunk of chunks) {
    if (scanner === undefined) {
      blank += chunk;
      const first = /[^ \t\r\n]/.exec(blank)?.[0];
      if (first === undefined) continue;
      if (first !== "[" && first !== "{") refuseScalar(blank, path);
      isArray = first === "[";
      scanner = createJsonScanner(isArray ? "array" : "values");
      yield* rowsOf(scan(() => scanner!.push(blank), path));
    } else {
      const piece = chunk;
      yield* rowsOf(scan(() => scanner!.push(piece), path));
    }
  }
  if (scanner !== undefined) yield* rowsOf(scan(() => scanner!.end(), path));
  if (lone !== undefined) {
    const fields = Object.keys(lone.value).slice(0, 5).join(", ");
    const message = `expected an array of rows, found one object with the fields: ${fields}`;
    const list = Object.entries(lone.value).find(([, inner]) => Array.isArray(inner) && inner.every(isObject) && inner.length > 0)?.[0];
    const hint =
      list === undefined || list === "messages" || list === "conversations"
        ? "Put the rows into [ ], or name the file .jsonl if this is its only row."
        : `If the rows are in ${JSON.stringify(list)}, keep that list alone: the file begins with its [ and ends with its ].`;
    throw new DataError("rows-expected", { path, line: lone.line, column: 1 }, message, hint);
  }
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

function refuseScalar(text: string, path: string): never {
  const before = /^[ \t\r\n]*/.exec(text)![0];
  const lines = before.split(/\r\n|\n|\r/);
  const place = { path, line: lines.length, column: lines.at(-1)!.length + 1 };
  const start = text.slice(before.length, before.length + 20).split(/[\r\n]/)[0];
  const scalar = /^("|-?[0-9]|true\b|false\b|null\b)/.test(start);
  const message = `expected an array of rows, found ${scalar ? "a scalar" : "something else"} that begins ${JSON.stringify(start)}`;
  const hint = 'A JSON data file looks like [{"instruction": "...", "output": "..."}, ...].';
  throw new DataError(scalar ? "rows-expected" : "bad-json", place, message, hint);
}

/** Runs a step of the scanner, turning a fault into an error that names the file. */
export function scan(step: () => ScannedValue[], path: string, hint: string = "Mend the JSON there."): ScannedValue[] {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const place = { path, line: error.line, column: error.column };
    throw new DataError("bad-json", place, error.message, hint, { cause: error });
  }
}
