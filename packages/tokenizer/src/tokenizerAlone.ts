import type { SpecialToken } from "./specialTokens.ts";

/**
 * Tokens that end a turn or a text in published models, those of chat models first: a tokenizer.json that comes without
 * the files that name its EOS is asked for these.
 */
const endTokens = [
  "<|eot_id|>",
  "<|im_end|>",
  "<end_of_turn>",
  "<|return|>",
  "<\uff5cend\u2581of\u2581sentence\uff5c>",
  "</s>",
  "<|end_of_text|>",
  "<|endoftext|>",
  "<eos>",
];

/** The first of the usual end tokens that the tokenizer marks as special. */
export function usualEndToken(specialTokens: readonly { readonly content: string; readonly id: number }[]): SpecialToken | null {
  for (const text of endTokens) {
    const found = specialTokens.find(({ content }) => content === text);
    if (found !== undefined) return { id: found.id, text };
  }
  return null;
}

/** BOS as the post-processor knows it: the special token that it puts before an empty text, unless it is an end token (BERT's are both). */
export function openingToken(
  ids: ArrayLike<number>,
  specialIds: ReadonlySet<number>,
  idToToken: (id: number) => string | null,
): SpecialToken | null {
  const text = ids.length > 0 && specialIds.has(ids[0]) ? idToToken(ids[0]) : null;
  return text === null || endTokens.includes(text) ? null : { id: ids[0], text };
}
