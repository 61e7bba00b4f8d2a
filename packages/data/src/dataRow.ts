import { DataError } from "./dataError.ts";

/** One row of a data file. */
export interface DataRow {
  /** Counts from 1. */
  readonly row: number;
  /** The line on which the row begins, from 1; absent for parquet, which has no lines. */
  readonly line?: number;
  /** What the row holds, by field. Cells of csv and tsv are strings. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** A row from a value that was read; refuses one that is not an object. */
export function makeRow(path: string, row: number, line: number, value: unknown): DataRow {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { row, line, value: value as Record<string, unknown> };
  }
  const shown = JSON.stringify(value);
  const found = `${Array.isArray(value) ? "an array" : "a scalar"}, ${shown.length > 40 ? `${shown.slice(0, 40)}...` : shown}`;
  const hint = 'Give each row as an object, like {"instruction": "...", "output": "..."}.';
  throw new DataError("row-not-object", { path, line, row }, `expected an object, found ${found}`, hint);
}
