import type { SpecialToken } from "./specialTokens.ts";

/** The ids of a text and where each comes from. */
export interface Encoding {
  /** (tokens) int32 token ids. */
  readonly ids: Int32Array;
  /**
   * (2 x tokens) int32 start and end, exclusive, of each token in UTF-16 units of the original text.
   * Tokens that share a character share its range; tokens that a post-processor adds have 0, 0.
   */
  readonly offsets: Int32Array;
}

/**
 * What to do with the text of a control token inside content:
 * spell it with ordinary tokens, throw ControlTokenInContentError, or let it become the token.
 */
export type ControlTokenPolicy = "literal" | "reject" | "allow";

export interface ContinueOptions {
  /**
   * The text continues one that was encoded before: the space that SentencePiece-like tokenizers (Llama 2) put before a
   * text is left out, so that the ids of consecutive pieces decode to exactly the text. Default false.
   */
  readonly continues?: boolean;
}

export interface EncodeOptions extends ContinueOptions {
  /** Adds what the post-processor of tokenizer.json asks for (BOS, EOS). Default false. */
  readonly addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leaves out added tokens that are marked special. Default false. */
  readonly skipSpecialTokens?: boolean;
}

export interface Tokenizer {
  /** 1 + the largest id, added tokens included. */
  readonly vocabSize: number;
  readonly bos: SpecialToken | null;
  readonly eos: SpecialToken | null;
  readonly pad: SpecialToken | null;
  readonly unk: SpecialToken | null;
  /** `add_bos_token` of tokenizer_config.json, or what the post-processor does where tokenizer.json comes alone; undefined if none says. */
  readonly addBosToken: boolean | undefined;
  /** The model's Jinja chat template, or null. */
  readonly chatTemplate: string | null;
  /**
   * Encodes template or control text: added tokens in it are recognised.
   * @throws UnknownCharacterError if the model has neither a token for a word nor an unknown token.
   */
  encode(text: string, options?: EncodeOptions): Encoding;
  /**
   * Encodes a user's content. Under "literal", the default, no control token comes out, whatever the text says.
   * @throws ControlTokenInContentError under "reject", with the offset of the first control token.
   */
  encodeContent(text: string, policy?: ControlTokenPolicy, options?: ContinueOptions): Encoding;
  /** Decodes ids; ids without a token are left out. Spaces are never cleaned up beyond what tokenizer.json's decoder does. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  tokenToId(token: string): number | null;
  idToToken(id: number): string | null;
  /**
   * True for every added token that ordinary text never gives: special ones and structural ones such as `<tool_call>`.
   * Added tokens that the model also makes by itself (Gemma's runs of newlines) and the unknown token are not control tokens.
   */
  isControl(id: number): boolean;
}
