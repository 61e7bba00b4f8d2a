import { pipeline, Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { DataError } from "./dataError.ts";
import type { DataRow } from "./dataRow.ts";

/**
 * Rows of a csv (RFC 4180) or tsv text whose first line names the columns. Cells stay strings, as they are;
 * empty lines are passed over.
 */
export async function* csvRows(chunks: AsyncIterable<string>, path: string, delimiter: "," | "\t"): AsyncGenerator<DataRow> {
  // pipeline, not pipe: it passes a failure of the file on, and closes the file when the reader stops early.
  const parser = pipeline(
    Readable.from(chunks),
    parse({
      delimiter,
      raw: true,
      skip_empty_lines: true,
      relax_column_count: true,
      record_delimiter: ["\r\n", "\n", "\r"],
    }),
    () => undefined,
  );
  let names: readonly string[] | undefined;
  let row = 0;
  // csv-parse counts a "\r\n" inside quotes as two lines, so lines are counted here, from the raw text.
  let nextLine = 1;
  try {
    for await (const { record, raw } of parser as AsyncIterable<{ record: string[]; raw: string }>) {
      const blank = /^[\r\n]*/.exec(raw)![0];
      const line = nextLine + countBreaks(blank);
      nextLine = line + countBreaks(raw.slice(blank.length));
      if (names === undefined) names = checkNames(record, delimiter, path, line);
      else yield { row: ++row, line, value: makeValue(names, record, path, line, row) };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const reason = error.message.replace(/ at line \d+/, "").replace(/, value is .*$/s, "");
    const other = /got "([;|\t])" instead of delimiter/.exec(reason)?.[1];
    const hint =
      other === undefined
        ? 'A cell that holds a quote, a delimiter or a line break is wrapped in " and doubles its own quotes.'
        : otherDelimiter(other, delimiter);
    throw new DataError("bad-csv", { path, line: nextLine, row: row + 1 }, reason, hint, { cause: error });
  }
}

function countBreaks(text: string): number {
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}

/** What to do with a file that a spreadsheet of another country wrote. */
function otherDelimiter(found: string, delimiter: string): string {
  const wanted = delimiter === "\t" ? "tabs" : "commas";
  return `The cells seem to be told apart by ${JSON.stringify(found)}: save the file with ${wanted}${found === "\t" ? ", or name it .tsv" : ""}.`;
}

function checkNames(names: readonly string[], delimiter: string, path: string, line: number): readonly string[] {
  const other = names.length === 1 ? /[;|\t,]/.exec(names[0]!)?.[0] : undefined;
  if (other !== undefined)
    throw new DataError("bad-csv", { path, line }, `one column, named ${JSON.stringify(names[0])}`, otherDelimiter(other, delimiter));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return names;
  const message = `two columns are named ${JSON.stringify(twice)}`;
  throw new DataError("bad-csv", { path, line }, message, "The first line names the columns; give each a name of its own.");
}

function makeValue(names: readonly string[], cells: readonly string[], path: string, line: number, row: number): Record<string, string> {
  if (cells.length !== names.length) {
    const message = `expected ${names.length} cells (${names.join(", ")}), found ${cells.length}`;
    const hint = "Wrap cells that hold the delimiter in double quotes.";
    throw new DataError("bad-csv", { path, line, row }, message, hint);
  }
  return Object.fromEntries(names.map((name, i) => [name, cells[i]]));
}
