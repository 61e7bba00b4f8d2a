/** Where a row stands in its file; each part may be unknown. */
export interface RecordPlace {
  readonly file?: string;
  /** Number of the row, as the caller counts. */
  readonly row?: number;
  /** Line of the file on which the row starts, from 1. */
  readonly line?: number;
}

export type RecordErrorCode =
  | "unknown-format"
  | "missing-field"
  | "wrong-type"
  | "unknown-role"
  | "unsupported-part"
  | "empty-conversation"
  | "invalid-span";

/** A row that cannot be read as a conversation. */
export class RecordError extends Error {
  override readonly name = "RecordError";
  readonly code: RecordErrorCode;
  readonly hint: string;
  /** Path of the field inside the row ("messages.2.content"). */
  readonly field: string | null;
  readonly place: RecordPlace;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: RecordErrorCode,
    problem: string,
    hint: string,
    at: { field?: string; place?: RecordPlace; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    const place = at.place ?? {};
    super(`${describePlace(place)}${problem} ${hint}`);
    this.code = code;
    this.hint = hint;
    this.field = at.field ?? null;
    this.place = place;
    this.details = at.details ?? {};
  }
}

/** "data.jsonl:14: row 13: ", as far as it is known. */
function describePlace({ file, row, line }: RecordPlace): string {
  const where = file === undefined ? (line === undefined ? "" : `line ${line}: `) : `${file}${line === undefined ? "" : `:${line}`}: `;
  return `${where}${row === undefined ? "" : `row ${row}: `}`;
}
