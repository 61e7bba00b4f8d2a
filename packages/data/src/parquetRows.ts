import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DataError } from "./dataError.ts";
import type { DataRow } from "./dataRow.ts";

/**
 * Rows of a parquet file, one row group in memory at a time. 64-bit integers become numbers where a number holds them
 * exactly, else decimal strings; dates become ISO 8601 strings.
 */
export async function* parquetRows(path: string): AsyncGenerator<DataRow> {
  let row = 0;
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    for (const group of metadata.row_groups) {
      const rowEnd = row + Number(group.num_rows);
      const values = await parquetReadObjects({ file, metadata, compressors, rowStart: row, rowEnd });
      for (const value of values) yield { row: ++row, value: plainValue(value) as Record<string, unknown> };
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const hint = "Check that the file is parquet and complete.";
    throw new DataError("bad-parquet", { path, row: row + 1 }, `the file could not be decoded: ${reason}`, hint, { cause: error });
  }
}

function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return BigInt.asIntN(54, value) === value ? Number(value) : value.toString();
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plainValue);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plainValue(inner)]));
}
