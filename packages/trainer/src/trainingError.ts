/** Training that cannot start or go on; the message says what was expected, what came and what to do. */
export class TrainingError extends Error {
  override readonly name = "TrainingError";
  readonly code: "bad-settings" | "no-examples" | "non-finite" | "bad-checkpoint" | "checkpoint-mismatch" | "stopped";
  readonly hint: string | undefined;
  constructor(code: TrainingError["code"], message: string, hint?: string) {
    super(hint ? `${message}\n${hint}` : message);
    this.code = code;
    this.hint = hint;
  }
}
