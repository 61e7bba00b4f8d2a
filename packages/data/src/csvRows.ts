import { pipeline, Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { DataError } from "./dataError.ts";
import type { DataRow } from "./dataRow.ts";

/** A record as csv-parse gives it. */
interface Parsed {
  readonly record: string[];
  /** Its text, with the blank lines before it. */
  readonly raw: string;
}

interface Placed extends Parsed {
  /** The line on which it begins, from 1. */
  readonly line: number;
}

/**
 * Rows of a csv (RFC 4180) or tsv text whose first line names the columns. Cells stay strings, as they are;
 * empty lines are passed over.
 */
export async function* csvRows(chunks: AsyncIterable<string>, path: string, delimiter: "," | "\t"): AsyncGenerator<DataRow> {
  // Lines are counted from the raw text, since csv-parse counts a "\r\n" inside quotes as two; and while it parses, since
  // what nobody has taken yet is lost when it meets a fault.
  let nextLine = 1;
  let records = 0;
  const place = (parsed: Parsed): Placed => {
    const line = nextLine + blankLines(parsed.raw);
    nextLine += countBreaks(parsed.raw);
    records++;
    return { ...parsed, line };
  };
  // pipeline, not pipe: it passes a failure of the file on, and closes the file when the reader stops early.
  const parser = pipeline(
    Readable.from(chunks),
    parse({
      delimiter,
      raw: true,
      skip_empty_lines: true,
      relax_column_count: true,
      record_delimiter: ["\r\n", "\n", "\r"],
      // With raw, what it gets is what the reader gets, which its type does not say.
      on_record: place as never,
    }),
    () => undefined,
  );
  let names: readonly string[] | undefined;
  let row = 0;
  try {
    for await (const { record, line } of parser as AsyncIterable<Placed>) {
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
    const raw = (error as { readonly raw?: string }).raw ?? "";
    // A quote that is never closed makes all that follows part of its cell: the record's own line tells where.
    const line = nextLine + (error.code === "CSV_QUOTE_NOT_CLOSED" ? blankLines(raw) : countBreaks(raw));
    throw new DataError("bad-csv", { path, line, ...(records > 0 ? { row: records } : {}) }, reason, hint, { cause: error });
  }
}

const blankLines = (raw: string): number => countBreaks(/^[\r\n]*/.exec(raw)![0]);

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
