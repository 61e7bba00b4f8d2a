import { csvRows } from "./csvRows.ts";
import { DataError } from "./dataError.ts";
import type { DataFormat } from "./dataFormat.ts";
import { formatOf } from "./dataFormat.ts";
import type { DataRow } from "./dataRow.ts";
import { jsonLinesRows } from "./jsonLinesRows.ts";
import { jsonRows } from "./jsonRows.ts";
import { parquetRows } from "./parquetRows.ts";
import { checkFile, textChunks } from "./textChunks.ts";

export interface ReadRowsOptions {
  /** Default: by the name's ending, `.json .jsonl .ndjson .csv .tsv .parquet`, and `.gz` after a text format. */
  readonly format?: DataFormat;
}

/**
 * Reads the rows of a file in order, as a stream: one row (parquet: one row group) is in memory at a time.
 * Throws `DataError` with file, line, column and row where there are any; a file without rows is "empty-data-set".
 */
export async function* readRows(path: string, { format: given }: ReadRowsOptions = {}): AsyncGenerator<DataRow, void, undefined> {
  // First, so that a folder is not told that its name says no format.
  await checkFile(path);
  const { format, gzip } = given === undefined ? formatOf(path) : { format: given, gzip: /\.gz$/i.test(path) };
  let count = 0;
  for await (const row of rowsOf(path, format, gzip)) {
    count++;
    yield row;
  }
  if (count > 0) return;
  throw new DataError("empty-data-set", { path }, "the file holds no rows", "Give a file with at least one row.");
}

/** All rows of a file; see {@link readRows}. */
export async function readAllRows(path: string, options?: ReadRowsOptions): Promise<DataRow[]> {
  const rows: DataRow[] = [];
  for await (const row of readRows(path, options)) rows.push(row);
  return rows;
}

function rowsOf(path: string, format: DataFormat, gzip: boolean): AsyncIterable<DataRow> {
  if (format === "parquet") return parquetRows(path);
  const chunks = textChunks(path, gzip);
  if (format === "json") return jsonRows(chunks, path);
  if (format === "jsonl") return jsonLinesRows(chunks, path);
  return csvRows(chunks, path, format === "csv" ? "," : "\t");
}
