import type { Conversation, Rendering } from "./segment.ts";

export interface RenderOptions {
  /** Stop before the last assistant answer and open its turn; the segments are exactly the prefix of the training row's. */
  readonly addGenerationPrompt?: boolean;
  /**
   * With `addGenerationPrompt` behind a question: open the turn as a training row whose answer has no thoughts does,
   * where that differs from the template's own generation prompt (Qwen3 then writes an empty think block, as its
   * `enable_thinking: false` does). What is trained on such rows is to be used with it.
   */
  readonly openAsTrained?: boolean;
  /** The clock that a Jinja template's `strftime_now` reads. Without it `strftime_now` is undefined, and templates fall back to a date of their own: no rendering depends on the day unless asked to. */
  readonly now?: Date;
  /** The tokenizer's texts of these tokens, e.g. `{ bos: "<s>", eos: "</s>" }`. */
  readonly specialTokens?: { readonly bos?: string; readonly eos?: string };
  /** Further variables for a Jinja template, e.g. `{ enable_thinking: false }`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** Turns conversations into typed segments. Pure: the same arguments give the same rendering. */
export interface PromptTemplate {
  readonly name: string;
  /** SHA-256 (hex) of the template's definition; saved with an adapter so that generation uses what training used. */
  readonly hash: string;
  /** Texts that end an assistant turn; "eos" stands for the tokenizer's EOS token. */
  readonly terminators: readonly string[];
  /** Further texts at which generation may stop, because models of this family tend to write them instead of a terminator. */
  readonly stops?: readonly string[];
  /** @throws TemplateError when the conversation does not fit the template */
  render(conversation: Conversation, options?: RenderOptions): Rendering;
}
