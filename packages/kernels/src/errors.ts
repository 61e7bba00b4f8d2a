/** A program that cannot be recorded, planned or compiled: the message names the op and what it expected. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly code: "shape-mismatch" | "dtype-mismatch" | "unknown-op" | "unbound-tensor" | "no-gradient" | "invalid-program";
  readonly op: string | undefined;
  readonly hint: string | undefined;
  constructor(code: ProgramError["code"], message: string, details: { op?: string; hint?: string } = {}) {
    super(details.hint ? `${message}\n${details.hint}` : message);
    this.code = code;
    this.op = details.op;
    this.hint = details.hint;
  }
}

/** A backend that cannot do what was asked of it. */
export class BackendError extends Error {
  override readonly name = "BackendError";
  readonly code:
    | "unsupported-op"
    | "out-of-memory"
    | "device-lost"
    | "no-adapter"
    | "shader-compile"
    | "buffer-freed"
    | "bad-buffer"
    | "bad-option"
    | "device-error";
  readonly hint: string | undefined;
  constructor(code: BackendError["code"], message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(options.hint ? `${message}\n${options.hint}` : message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
