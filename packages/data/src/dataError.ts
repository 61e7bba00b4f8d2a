/** What is wrong with a data file or with a request; the names are stable. */
export type DataErrorCode =
  | "not-found"
  | "not-a-file"
  | "unreadable"
  | "unknown-format"
  | "bad-encoding"
  | "bad-gzip"
  | "bad-json"
  | "bad-csv"
  | "bad-parquet"
  | "rows-expected"
  | "row-not-object"
  | "empty-data-set"
  | "bad-split"
  | "bad-batches"
  | "bad-weights"
  | "sampler-mismatch"
  | "bad-random-state";

/** Where in which file; lines, columns and rows count from 1. */
export interface DataPlace {
  readonly path?: string;
  readonly line?: number;
  /** In UTF-16 code units. */
  readonly column?: number;
  readonly row?: number;
}

/** A data file that is refused, or a split, batch or mix that cannot be made. */
export class DataError extends Error {
  override readonly name: string = "DataError";
  readonly code: DataErrorCode;
  readonly path: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly row: number | undefined;
  /** What to do about it. */
  readonly hint: string;

  constructor(code: DataErrorCode, place: DataPlace, message: string, hint: string, options?: { cause?: unknown }) {
    const at = [place.path, place.line, place.column].filter((part) => part !== undefined).join(":");
    const row = place.row === undefined ? "" : `row ${place.row}: `;
    super(`${at === "" ? "" : `${at}: `}${row}${message}\n  ${hint}`, options);
    this.code = code;
    this.path = place.path;
    this.line = place.line;
    this.column = place.column;
    this.row = place.row;
    this.hint = hint;
  }
}
