import type { ControlTokenPolicy, TokenOffsets } from "./tokenOffsets.ts";

/**
 * What this package needs of a tokenizer. `@sft/tokenizer` fits; so does any object with these members.
 * Offsets hold two entries a token: start and end in UTF-16 code units of the text that was encoded.
 */
export interface MaskTokenizer {
  readonly bos: { readonly id: number; readonly text: string } | null;
  readonly eos: { readonly id: number; readonly text: string } | null;
  /** `add_bos_token` of the model folder; undefined where it does not say. */
  readonly addBosToken?: boolean | undefined;
  /** Template text: control tokens are recognised, BOS and EOS are added only on request. */
  encode(text: string, options?: { addSpecialTokens?: boolean } & ContinueOptions): TokenOffsets;
  /** Text of a record: never becomes a control token under "literal". */
  encodeContent(text: string, policy?: ControlTokenPolicy, options?: ContinueOptions): TokenOffsets;
  isControl(id: number): boolean;
}

/** For tokenizers that put a space before every text (Llama 2): others may ignore it. */
export interface ContinueOptions {
  /** The text goes on where one that was encoded before ended, so no space is put before it. */
  readonly continues?: boolean;
}
