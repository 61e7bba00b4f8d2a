import { DataError } from "./dataError.ts";
import { repeatedName } from "./repeatedName.ts";

/** One row of a data file. */
export interface DataRow {
  /** Counts from 1. */
  readonly row: number;
  /** The line on which the row begins, from 1; absent for parquet, which has no lines. */
  readonly line?: number;
  /** What the row holds, by field. Cells of csv and tsv are strings. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** The row that a JSON text holds, of which `value` was parsed; refuses one that is not an object, or names a field twice. */
export function makeRow(path: string, row: number, line: number, text: string, value: unknown): DataRow {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const twice = repeatedName(text, Object.keys(value));
    if (twice === undefined) return { row, line, value: value as Record<string, unknown> };
    const hint = "Keep one of them: readers of JSON take the last and forget the other.";
    throw new DataError("bad-json", { path, line, row }, `the row has two fields named ${JSON.stringify(twice)}`, hint);
  }
  const shown = JSON.stringify(value);
  const found = `${Array.isArray(value) ? "an array" : "a scalar"}, ${shown.length > 40 ? `${shown.slice(0, 40)}...` : shown}`;
  const hint = 'Give each row as an object, like {"instruction": "...", "output": "..."}.';
  throw new DataError("row-not-object", { path, line, row }, `expected an object, found ${found}`, hint);
}
