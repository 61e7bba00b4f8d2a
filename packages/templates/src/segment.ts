/** Where a run of rendered text comes from. */
export type SegmentKind =
  /** Fixed words of the template ("### Instruction:\n"). */
  | "literal"
  /** Text that a record supplied; never allowed to become a control token by default. */
  | "content"
  /** Text that the template means as a control token ("<|im_start|>"), BOS and EOS included. */
  | "control"
  /** What the template writes to make the assistant speak ("### Response:\n", "<|im_start|>assistant\n", an empty think block). */
  | "generationPrompt";

/** The place of a segment in its turn; mask policies switch these four on and off. */
export type TurnPart = "header" | "body" | "terminator" | "afterTerminator" | "outside";

/** Classes of assistant text that a policy may weigh apart. */
export type SpanClass = "reasoning" | "toolCall";

/**
 * A run of text with one origin. The segments of a rendering, concatenated in order,
 * are exactly the rendered text; the tokenizer encodes each segment by itself.
 */
export interface Segment {
  readonly text: string;
  readonly kind: SegmentKind;
  /** Who speaks: "system", "user", "assistant", "tool" or the record's own role; null outside every turn. */
  readonly role: string | null;
  /** Index of the message in the conversation; null outside every message. */
  readonly message: number | null;
  /** Path of the field inside the message ("content", "content.1.text", "reasoning_content"); null unless kind is "content". */
  readonly field: string | null;
  /** UTF-16 offset of the segment's first character in that field; 0 unless kind is "content". */
  readonly fieldStart: number;
  readonly part: TurnPart;
  readonly spanClass?: SpanClass;
  /** True inside a `{% generation %}` block of a Jinja template; absent where the template has none. */
  readonly generation?: boolean;
}

/** One message of a conversation after its record was read and checked. */
export interface Message {
  readonly role: string;
  readonly content: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly unknown[];
  readonly name?: string;
  readonly tool_call_id?: string;
  /**
   * An alpaca row's own fields, which `content` joins with one blank line ("instruction\n\ninput").
   * `sys_prompt` is set where LitGPT's key of that name supplied the system text.
   */
  readonly fields?: { readonly instruction?: string; readonly input?: string; readonly sys_prompt?: string };
  /** Text parts that `content` concatenates, for Jinja templates that read a list. */
  readonly parts?: readonly { readonly type: "text"; readonly text: string }[];
  /** True where the record said `content: null` beside tool calls; templates ask for it. */
  readonly contentIsNull?: boolean;
  /** Other keys of the record's message, which a model's own template may read. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Overrides the mask policy for this message: false never trains it, true trains it. */
  readonly train?: boolean;
  /** Multiplies the weight of every trained token of this message; default 1. */
  readonly weight?: number;
  /** Character spans of `content` (UTF-16, end exclusive) with weights of their own. */
  readonly spans?: readonly { readonly start: number; readonly end: number; readonly weight: number }[];
}

/** A record after reading: what every template renders. */
export interface Conversation {
  readonly messages: readonly Message[];
  readonly tools?: readonly unknown[];
  /** The record that this conversation was read from. */
  readonly record?: RecordOrigin;
  /** Index of the one message that this row supervises, where `expandTurns` made the row; earlier answers say `train: false`. */
  readonly supervisedMessage?: number;
}

export type RecordFormat = "alpaca" | "prompt-completion" | "messages" | "sharegpt" | "text";

/** Where a conversation's record stood, so that later errors can say so. */
export interface RecordOrigin {
  readonly format: RecordFormat;
  readonly file?: string;
  readonly row?: number;
  readonly line?: number;
}

/** Something that a template left out of the text, said instead of done silently. */
export interface RenderingWarning {
  readonly code: "system-ignored" | "input-ignored" | "message-ignored" | "tools-ignored" | "tool-calls-ignored" | "reasoning-ignored";
  readonly message: string;
  /** Index of the message concerned; null where it is the conversation. */
  readonly index: number | null;
}

/** What a template makes of one conversation. */
export interface Rendering {
  readonly segments: readonly Segment[];
  readonly conversation: Conversation;
  /** Strings that end an assistant turn in this template; generation stops at them. "eos" stands for the tokenizer's EOS token. */
  readonly terminators: readonly string[];
  readonly template: { readonly name: string; readonly hash: string };
  readonly warnings?: readonly RenderingWarning[];
}
