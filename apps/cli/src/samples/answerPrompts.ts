import { assertPromptParity, encodeRendering } from "@sft/mask";
import { generate, type GenerateOptions, type LanguageModel } from "@sft/model";
import type { Conversation, Rendering } from "@sft/templates";
import type { Tokenizer } from "@sft/tokenizer";
import type { ChosenTemplate } from "../rows/chooseTemplate.ts";
import { bosOption, type TrainingRow, specialTokensOf } from "../rows/encodeRows.ts";

/** What a model said to one prompt. */
export interface Answer {
  readonly text: string;
  /** True when the model ended the answer itself, with EOS or the template's terminator. */
  readonly ended: boolean;
  readonly tokens: number;
}

/** Ids of a prompt as the template asks it: up to where the assistant speaks. */
export function promptIds(conversation: Conversation, chosen: ChosenTemplate, tokenizer: Tokenizer, mask?: string): Int32Array {
  const rendering = chosen.template.render(conversation, { addGenerationPrompt: true, specialTokens: specialTokensOf(tokenizer) });
  return encodeRendering(rendering, tokenizer, { ...bosOption(chosen, tokenizer), ...(mask === undefined ? {} : { mask }) }).ids;
}

/** Prompts of held-out rows, each proved to be the beginning of its training row. */
export function promptsOfRows(rows: readonly TrainingRow[], tokenizer: Tokenizer, mask?: string): Int32Array[] {
  return rows.map(({ conversation, chosen, example }) => {
    const ids = promptIds(conversation, chosen, tokenizer, mask);
    assertPromptParity({ ids }, example);
    return ids;
  });
}

/** Tokens at which an answer ends: the template's terminators and the EOS of tokenizer and model. */
export function stopTokens(
  template: Pick<Rendering, "terminators">,
  tokenizer: Tokenizer,
  modelEos: readonly number[] = [],
): ReadonlySet<number> {
  const ids = template.terminators.map((text) => (text === "eos" ? (tokenizer.eos?.id ?? null) : tokenizer.tokenToId(text)));
  return new Set([...ids, tokenizer.eos?.id ?? null, ...modelEos].filter((id) => id !== null));
}

/** Answers prompts together, in one batch. */
export async function answerPrompts(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
): Promise<Answer[]> {
  const results = await generate(model, prompts, options);
  return results.map(({ tokens, finish }) => {
    const spoken = finish === "stop" ? tokens.slice(0, -1) : tokens;
    return { text: tokenizer.decode(spoken), ended: finish === "stop", tokens: tokens.length };
  });
}
