/** What can go wrong in this package; each code is one cause. */
export type MaskErrorCode =
  | "unknown-mask-policy"
  | "invalid-mask-policy"
  | "invalid-weight"
  | "invalid-span"
  | "example-too-long"
  | "row-too-long"
  | "invalid-length"
  | "straddling-token"
  | "missing-eos"
  | "unknown-truncation"
  | "several-examples"
  | "prompt-not-prefix"
  | "control-token-in-content"
  | "content-not-encoded"
  | "length-mismatch";

/** Every error of this package: a stable `code`, the offending `values` and a `hint` that says what to do. */
export class MaskError extends Error {
  override readonly name: string = "MaskError";
  readonly code: MaskErrorCode;
  readonly values: Readonly<Record<string, unknown>>;
  readonly hint: string;

  constructor(code: MaskErrorCode, message: string, hint: string, values: Readonly<Record<string, unknown>> = {}) {
    super(`${message} ${hint}`);
    this.code = code;
    this.values = values;
    this.hint = hint;
  }
}

/** "row 12: " when the row's number is known, else nothing; opens an error message. */
export function atRow(row: number | undefined): string {
  return row === undefined ? "" : `row ${row}: `;
}
