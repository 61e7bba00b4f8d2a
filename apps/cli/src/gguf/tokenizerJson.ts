/** A step of a normalizer or pre-tokenizer in tokenizer.json; "Sequence" holds further ones. */
export interface TokenizerStep {
  readonly type?: string;
  readonly normalizers?: readonly TokenizerStep[];
  readonly pretokenizers?: readonly TokenizerStep[];
  readonly pattern?: { readonly Regex?: string };
  readonly behavior?: string;
  readonly invert?: boolean;
  readonly individual_digits?: boolean;
  readonly use_regex?: boolean;
  readonly add_prefix_space?: boolean;
  readonly prepend_scheme?: string;
}

/** The parts of tokenizer.json that an export reads; the tokenizer package has checked them when it loaded the file. */
export interface TokenizerJson {
  readonly model?: {
    readonly type?: string;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
    readonly byte_fallback?: boolean;
    readonly ignore_merges?: boolean;
    readonly unk_token?: string | null;
  };
  readonly normalizer?: TokenizerStep | null;
  readonly pre_tokenizer?: TokenizerStep | null;
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special?: boolean }[];
}
