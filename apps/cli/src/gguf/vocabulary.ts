import type { GgufValue } from "@sft/checkpoint";
import { notExportable } from "./exportError.ts";
import { preTokenizerName } from "./preTokenizer.ts";
import type { TokenizerJson, TokenizerStep } from "./tokenizerJson.ts";

/** Token types of llama.h. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Added tokens that models use as control tokens though their files do not say so (llama.cpp treats them the same way). */
const controlLooks = /^(<pad>|<mask>|<2mass>|\[@BOS@\]|<\|.*\|>|<｜.*｜>|<unused\d+>)$/s;

/**
 * The vocabulary of a tokenizer.json as llama.cpp's metadata, with one entry for each of the embedding's `rows`.
 * @throws CliError "not-exportable" for a tokenizer that is no byte-pair encoding
 */
export function vocabularyMetadata(tokenizer: TokenizerJson, rows: number, preTokenizer?: string): Record<string, GgufValue> {
  const { model } = tokenizer;
  if (model?.type !== "BPE") throw notExportable(`its tokenizer is of type ${model?.type}`, "Byte-pair encodings are exported.");
  const isSentencePiece = model.byte_fallback === true;
  const { tokens, types } = listTokens(tokenizer, rows, isSentencePiece);
  const pairs = model.merges.map((merge) => (typeof merge === "string" ? (merge.split(" ") as [string, string]) : merge));
  const shared = {
    "tokenizer.ggml.tokens": { type: "strings", values: tokens },
    "tokenizer.ggml.token_type": { type: "i32s", values: types },
  } as const;
  if (!isSentencePiece) {
    return {
      "tokenizer.ggml.model": { type: "string", value: "gpt2" },
      "tokenizer.ggml.pre": { type: "string", value: preTokenizer ?? preTokenizerName(tokenizer) },
      ...shared,
      "tokenizer.ggml.merges": { type: "strings", values: pairs.map(([left, right]) => `${left} ${right}`) },
    };
  }
  return {
    "tokenizer.ggml.model": { type: "string", value: "llama" },
    "tokenizer.ggml.pre": { type: "string", value: "default" },
    ...shared,
    "tokenizer.ggml.scores": { type: "f32s", values: scoresOf(tokens, types, pairs) },
    "tokenizer.ggml.add_space_prefix": { type: "bool", value: addsSpace(tokenizer) },
  };
}

/** Texts and types by id; ids that no token has are named [PADn] and unused. */
function listTokens(
  tokenizer: TokenizerJson,
  rows: number,
  isSentencePiece: boolean,
): { readonly tokens: string[]; readonly types: number[] } {
  const tokens = Array.from({ length: rows }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(rows).fill(tokenTypes.unused);
  const set = (id: number, text: string, type: number): void => {
    if (!(id < rows))
      throw notExportable(`token ${JSON.stringify(text)} has id ${id}, the embedding has ${rows} rows`, "Give the model's own tokenizer.");
    tokens[id] = text;
    types[id] = type;
  };
  for (const [text, id] of Object.entries(tokenizer.model!.vocab)) {
    const isByte = isSentencePiece && /^<0x[0-9A-F]{2}>$/.test(text);
    set(id, text, isByte ? tokenTypes.byte : text === tokenizer.model!.unk_token ? tokenTypes.unknown : tokenTypes.normal);
  }
  for (const { id, content, special } of tokenizer.added_tokens ?? []) {
    if (types[id] === tokenTypes.unknown) continue;
    const isControl = special === true || controlLooks.test(content);
    // Tokens that users may write are matched in plain text, where a space is a space.
    set(
      id,
      isControl || !isSentencePiece ? content : content.replaceAll("▁", " "),
      isControl ? tokenTypes.control : tokenTypes.userDefined,
    );
  }
  return { tokens, types };
}

/**
 * SentencePiece's score of each token: llama.cpp merges the pair whose result scores highest, tokenizer.json the pair that
 * comes first. A tokenizer.json made from SentencePiece lists all pairs of a result together, best result first, so minus
 * the place of a result's first pair is its order. What no pair makes is never merged to, and comes last.
 */
function scoresOf(tokens: readonly string[], types: readonly number[], pairs: readonly (readonly [string, string])[]): Float32Array {
  const places = new Map<string, number>();
  pairs.forEach(([left, right], place) => {
    if (!places.has(left + right)) places.set(left + right, place);
  });
  return Float32Array.from(tokens, (token, id) => {
    if (types[id] === tokenTypes.userDefined || types[id] === tokenTypes.unused) return -1000;
    return types[id] === tokenTypes.normal ? -(places.get(token) ?? pairs.length) : 0;
  });
}

/** Whether text gets a space put before it. */
function addsSpace({ normalizer, pre_tokenizer: preTokenizer }: TokenizerJson): boolean {
  const steps: readonly TokenizerStep[] = [normalizer, preTokenizer].flatMap((part) =>
    part?.type === "Sequence" ? [...(part.normalizers ?? []), ...(part.pretokenizers ?? [])] : part ? [part] : [],
  );
  return steps.some(
    ({ type, prepend_scheme: scheme, add_prefix_space: prefix }) =>
      type === "Prepend" || (type === "Metaspace" && (scheme === undefined ? prefix !== false : scheme !== "never")),
  );
}
