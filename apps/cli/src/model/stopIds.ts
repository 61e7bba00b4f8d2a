import type { ModelFolder } from "@sft/checkpoint";
import type { Tokenizer } from "@sft/tokenizer";
import type { PromptTemplate } from "@sft/templates";
import { readPromptSettings } from "../runFolder/promptSettings.ts";
import { stopTokens } from "../samples/answerPrompts.ts";

/** `generation_config.json` for a model whose training's prompt settings lie in `trained`; undefined when there is nothing to say. */
export async function generationConfigOf(
  base: ModelFolder,
  tokenizer: Tokenizer | null,
  trained: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const settings = await readPromptSettings(trained);
  return settings === null || tokenizer === null ? base.generationConfig : generationConfigWith(base, tokenizer, settings.chosen.template);
}

/**
 * `generation_config.json` for a model that was trained with a template: the base's own, with every token that ends an
 * answer in its `eos_token_id` list, so that other programs stop where training taught to.
 */
export function generationConfigWith(
  base: Pick<ModelFolder, "config" | "generationConfig">,
  tokenizer: Tokenizer,
  template: Pick<PromptTemplate, "terminators">,
): Readonly<Record<string, unknown>> | undefined {
  const known = [base.generationConfig?.eos_token_id, base.config.eos_token_id].flat().filter((id): id is number => typeof id === "number");
  const ids = [...new Set([...known, ...stopTokens(template, tokenizer)])];
  if (ids.length === 0) return base.generationConfig;
  return { ...base.generationConfig, eos_token_id: ids.length === 1 ? ids[0] : ids };
}
