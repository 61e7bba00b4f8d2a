/** What stands around the words of one speaker. */
export interface TurnMarkup {
  readonly before: string;
  readonly after?: string;
}

/**
 * A prompt style as data: what a template writes around each speaker's words.
 * Control tokens are recognised inside the markup by their spelling; name others in `controlTokens`.
 */
export interface TemplateDefinition {
  readonly name: string;
  /** Written once, before everything. */
  readonly start?: string;
  /** True writes the tokenizer's BOS token before `start`. */
  readonly bos?: boolean;
  /** Absent: the style has no place for a system message, and one is left out with a warning. */
  readonly system?: TurnMarkup & {
    /** System text of a conversation that brings none. */
    readonly default?: string;
    /** The same for a first question that has an `input` of its own. */
    readonly defaultWithInput?: string;
    /** "insideFirstUser" writes the system block behind the first user's `before`. */
    readonly place?: "beforeFirstUser" | "insideFirstUser";
    /** Written behind a system text of the record's that does not end in a newline. */
    readonly separator?: string;
    /** Strips white space around a system text of the record's. */
    readonly strip?: boolean;
  };
  readonly user: TurnMarkup & {
    /** Written before every question but the first. */
    readonly between?: string;
    /** An alpaca row's `input`: "joined" behind the instruction with a blank line, "ignored" with a warning, or behind words of its own. */
    readonly input?: "joined" | "ignored" | { readonly before: string };
  };
  readonly assistant: {
    /** Opens the assistant's turn: the generation prompt. */
    readonly before: string;
    /** Ends the assistant's turn: "eos" for the tokenizer's EOS token, or a text. */
    readonly terminator: string;
    /** Written behind the terminator. */
    readonly after?: string;
    /** Stands around `reasoning_content`; absent: a message with reasoning is refused. */
    readonly reasoning?: { readonly before: string; readonly after: string };
    /** Stands around each tool call, written as JSON {"name", "arguments"}; absent: a message with tool calls is refused. */
    readonly toolCall?: { readonly before: string; readonly after: string; readonly between: string };
  };
  /** Absent: the style refuses tool messages. */
  readonly tool?: TurnMarkup;
  readonly controlTokens?: readonly string[];
  /** Further texts at which generation may stop. */
  readonly stops?: readonly string[];
}
