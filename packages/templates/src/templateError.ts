export type TemplateErrorCode =
  | "unknown-template"
  | "unknown-role"
  | "role-order"
  | "empty-conversation"
  | "missing-special-token"
  | "unsupported-field"
  | "nothing-to-complete"
  | "template-syntax"
  | "template-raised"
  | "template-runtime"
  | "template-limit"
  | "invalid-definition";

/** A conversation that a template cannot render, or a template that cannot be used. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly code: TemplateErrorCode;
  /** What to do about it, in one sentence. */
  readonly hint: string;
  /** The offending values. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: TemplateErrorCode,
    message: string,
    hint: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(`${message} ${hint}`, options);
    this.code = code;
    this.hint = hint;
    this.details = details;
  }
}

/** What to throw at a conversation that has something which a template has no place for; `message` is null for the conversation's own. */
export function unsupportedField(template: string, field: string, message: number | null, what: string, hint: string): TemplateError {
  const where = message === null ? "this conversation" : `message ${message}`;
  return new TemplateError("unsupported-field", `Template "${template}" has no place for the ${what} of ${where}.`, hint, {
    field,
    message,
  });
}
