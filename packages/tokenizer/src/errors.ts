/** A tokenizer file lacks a field or holds one of the wrong type. */
export class TokenizerFormatError extends Error {
  override readonly name: string = "TokenizerFormatError";
  readonly code = "tokenizer-format";
  /** Path of the field, for example "tokenizer.json: model.vocab". */
  readonly path: string;
  readonly hint: string;
  constructor(
    path: string,
    expected: string,
    received: unknown,
    hint: string = "Take the file from the model's own repository again; it may be cut off or be another kind of file.",
  ) {
    super(`${path}: expected ${expected}, got ${describe(received)}. ${hint}`);
    this.path = path;
    this.hint = hint;
  }
}

/** tokenizer.json names a component, or an option of one, that this package does not implement. */
export class UnknownComponentError extends Error {
  override readonly name: string = "UnknownComponentError";
  readonly code = "unknown-tokenizer-component";
  /** Path of the component, for example "pre_tokenizer.pretokenizers.0". */
  readonly path: string;
  /** The `type` that the file asks for. */
  readonly component: string;
  readonly hint: string;
  constructor(path: string, component: string, known: readonly string[]) {
    const hint = `Known here: ${known.join(", ")}.`;
    super(`tokenizer.json: ${path} asks for "${component}", which @sft/tokenizer does not know. Nothing was guessed in its place. ${hint}`);
    this.path = path;
    this.component = component;
    this.hint = hint;
  }
}

/** A regular expression of tokenizer.json uses Oniguruma syntax that has no exact JavaScript form. */
export class UnsupportedPatternError extends Error {
  override readonly name: string = "UnsupportedPatternError";
  readonly code = "unsupported-pattern";
  readonly pattern: string;
  /** UTF-16 offset in the pattern. */
  readonly position: number;
  readonly hint: string;
  constructor(pattern: string, position: number, reason: string) {
    const hint = "Report the pattern; until then use a tokenizer whose pattern is supported.";
    super(`tokenizer.json: ${reason} at position ${position} of the pattern ${JSON.stringify(pattern)}. ${hint}`);
    this.pattern = pattern;
    this.position = position;
    this.hint = hint;
  }
}

/** Content holds the text of a control token and the policy is "reject". */
export class ControlTokenInContentError extends Error {
  override readonly name: string = "ControlTokenInContentError";
  readonly code = "control-token-in-content";
  readonly token: string;
  readonly id: number;
  /** UTF-16 offset of the token's first character in the content. */
  readonly offset: number;
  readonly hint: string;
  constructor(token: string, id: number, offset: number) {
    const hint = 'Clean the data, or use the policy "literal", which spells such text out as ordinary tokens.';
    super(`Content holds the control token ${JSON.stringify(token)} (id ${id}) at offset ${offset}; expected plain text. ${hint}`);
    this.token = token;
    this.id = id;
    this.offset = offset;
    this.hint = hint;
  }
}

/** The model cannot encode a character and names no unknown token. */
export class UnknownCharacterError extends Error {
  override readonly name: string = "UnknownCharacterError";
  readonly code = "unknown-character";
  readonly text: string;
  readonly hint: string;
  constructor(text: string, model: string) {
    const hint = "Give the model an unknown token, or remove such text from the data.";
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    super(`The ${model} model has no token for ${JSON.stringify(shown)} and tokenizer.json names no unknown token. ${hint}`);
    this.text = text;
    this.hint = hint;
  }
}

/** A tokenizer file cannot be read from the model folder. */
export class TokenizerFileError extends Error {
  override readonly name: string = "TokenizerFileError";
  readonly code = "tokenizer-file";
  readonly file: string;
  readonly hint: string;
  constructor(file: string, problem: string, hint: string, options?: ErrorOptions) {
    super(`${file}: ${problem}. ${hint}`, options);
    this.file = file;
    this.hint = hint;
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const text = typeof value === "object" ? "an object" : `${typeof value} ${JSON.stringify(value)}`;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
