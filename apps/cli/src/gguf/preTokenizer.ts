import { notExportable } from "./exportError.ts";
import type { TokenizerJson, TokenizerStep } from "./tokenizerJson.ts";

const word = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+`;
const rest = String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Patterns that llama.cpp has under a name: those of src/llama-vocab.cpp. */
const splitNames: Readonly<Record<string, (ignoresMerges: boolean) => string>> = {
  [`${word}|\\p{N}{1,3}${rest}`]: (ignoresMerges) => (ignoresMerges ? "llama-bpe" : "dbrx"),
  [`${word}|\\p{N}${rest}`]: () => "qwen2",
};

/**
 * llama.cpp's name for how a byte-level tokenizer splits text before merging; it holds the patterns, the file only names one.
 * @throws CliError "not-exportable" for a way of splitting that it has no name for
 */
export function preTokenizerName(tokenizer: TokenizerJson): string {
  const given = tokenizer.pre_tokenizer ?? {};
  const steps: readonly TokenizerStep[] = given.type === "Sequence" ? (given.pretokenizers ?? []) : [given];
  const kinds = steps.map(({ type }) => type).join("+");
  const byteLevel = steps.at(-1) ?? {};
  const isPlain = byteLevel.type === "ByteLevel" && byteLevel.add_prefix_space !== true;
  if (isPlain && kinds === "ByteLevel" && byteLevel.use_regex !== false) return "gpt-2";
  if (isPlain && kinds === "Digits+ByteLevel" && steps[0]!.individual_digits === true && byteLevel.use_regex !== false) return "smollm";
  if (
    isPlain &&
    kinds === "Split+ByteLevel" &&
    byteLevel.use_regex === false &&
    steps[0]!.behavior === "Isolated" &&
    steps[0]!.invert !== true
  ) {
    const pattern = steps[0]!.pattern?.Regex;
    if (pattern !== undefined && Object.hasOwn(splitNames, pattern)) return splitNames[pattern]!(tokenizer.model?.ignore_merges === true);
  }
  throw notExportable(
    `llama.cpp has no name that sft knows for its pre-tokenizer ${JSON.stringify(tokenizer.pre_tokenizer)?.slice(0, 200)}`,
    "If llama.cpp has one, give it with --pre-tokenizer NAME.",
  );
}
