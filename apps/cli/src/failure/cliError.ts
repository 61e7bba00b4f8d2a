export type CliErrorCode =
  | "unknown-verb"
  | "unknown-flag"
  | "bad-flag"
  | "missing-flag"
  | "bad-config"
  | "bad-backend"
  | "output-folder-in-use"
  | "not-our-file"
  | "port-in-use"
  | "output-file-in-use"
  | "nothing-to-resume"
  | "no-supervised-rows"
  | "not-found"
  | "vocabulary-mismatch"
  | "row-too-long"
  | "unknown-format"
  | "missing-column"
  | "does-not-fit"
  | "bad-prompt-settings"
  | "bad-input-line"
  | "other-base-model"
  | "merge-check-failed"
  | "not-exportable"
  | "not-printed"
  | "download-failed";

/** A request that the command line refuses; `usage` marks the user's own call as the fault (exit code 2 instead of 1). */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode;
  readonly hint: string;
  readonly usage: boolean;

  constructor(code: CliErrorCode, message: string, hint: string, options: { readonly usage?: boolean; readonly cause?: unknown } = {}) {
    super(hint === "" ? message : `${message}\n${hint}`, { cause: options.cause });
    this.code = code;
    this.hint = hint;
    this.usage = options.usage ?? false;
  }
}

/** A call that is wrong in itself: exit code 2. */
export function usageError(code: CliErrorCode, message: string, hint: string): CliError {
  return new CliError(code, message, hint, { usage: true });
}
