import { DataError } from "./dataError.ts";
import { makeRow } from "./dataRow.ts";
import type { DataRow } from "./dataRow.ts";
import { scan } from "./jsonRows.ts";
import { createJsonScanner } from "./jsonScanner.ts";
import { textLines } from "./textLines.ts";

/** Rows of a JSON Lines text (https://jsonlines.org): one object a line; blank lines are passed over. */
export async function* jsonLinesRows(chunks: AsyncIterable<string>, path: string): AsyncGenerator<DataRow> {
  let row = 0;
  for await (const { line, text } of textLines(chunks)) {
    if (text.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      refuseLine(text, line, row + 1, path);
    }
    if (row === 0 && Array.isArray(value)) {
      const message = "expected one object a line, found an array";
      throw new DataError("rows-expected", { path, line, row: 1 }, message, "Name the file .json if it is one array of rows.");
    }
    yield makeRow(path, ++row, line, text, value);
  }
}

/** Finds the fault in a line that `JSON.parse` refuses. */
function refuseLine(text: string, line: number, row: number, path: string): never {
  const looksLikeArray = row === 1 && text.trimStart().startsWith("[");
  const hint = looksLikeArray ? "This looks like one array of rows: name the file .json." : "Each line must be one whole JSON object.";
  const scanner = createJsonScanner("values", line);
  const values = [...scan(() => scanner.push(text), path, hint), ...scan(() => scanner.end(), path, hint)];
  // The scanner finds nothing wrong only when several values share the line.
  const column = values.length > 1 ? values[1].column : 1;
  throw new DataError("bad-json", { path, line, column, row }, "expected one value on the line, found several", hint);
}
