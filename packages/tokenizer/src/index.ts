export { createTokenizer, type TokenizerFiles } from "./createTokenizer.ts";
export {
  ControlTokenInContentError,
  TokenizerFileError,
  TokenizerFormatError,
  UnknownCharacterError,
  UnknownComponentError,
  UnsupportedPatternError,
} from "./errors.ts";
export type { SpecialToken } from "./specialTokens.ts";
export type { ContinueOptions, ControlTokenPolicy, DecodeOptions, EncodeOptions, Encoding, Tokenizer } from "./tokenizer.ts";
