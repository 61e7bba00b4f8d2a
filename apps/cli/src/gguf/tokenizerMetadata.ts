import type { GgufValue } from "@sft/checkpoint";
import type { Tokenizer } from "@sft/tokenizer";
import { loadTokenizer } from "@sft/tokenizer/node";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readPromptSettings, type PromptSettings } from "../runFolder/promptSettings.ts";
import { stopTokens } from "../samples/answerPrompts.ts";
import type { TokenizerJson } from "./tokenizerJson.ts";
import { vocabularyMetadata } from "./vocabulary.ts";

export interface TokenizerMetadata {
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly warnings: readonly string[];
}

export interface TokenizerPlace {
  /** Folder of tokenizer.json. */
  readonly folder: string;
  /** Folder of what training saved: the template and its terminators. */
  readonly trained: string;
  /** Rows of the embedding. */
  readonly rows: number;
  readonly preTokenizer?: string | undefined;
}

/** Everything that llama.cpp needs to turn text into tokens and messages into a prompt. @throws CliError "not-exportable" */
export async function tokenizerMetadata({ folder, trained, rows, preTokenizer }: TokenizerPlace): Promise<TokenizerMetadata> {
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path)) {
    return {
      metadata: { "tokenizer.ggml.model": { type: "string", value: "none" } },
      warnings: [`${folder} has no tokenizer.json: the file has no vocabulary, and takes token ids only`],
    };
  }
  const tokenizer = await loadTokenizer(folder);
  const vocabulary = vocabularyMetadata(
    JSON.parse((await readFile(path, "utf8")).replace(/^\ufeff/, "")) as TokenizerJson,
    rows,
    preTokenizer,
  );
  const saved = await readPromptSettings(trained);
  const template = saved ? saved.chosen.source : tokenizer.chatTemplate;
  const warnings =
    saved && template === null
      ? [`trained with the style ${saved.settings.template.name}, which is no Jinja template: the file has no chat template`]
      : [];
  const terminators = saved ? stopTokens(saved.chosen.template, tokenizer) : new Set<number>();
  return {
    metadata: {
      ...vocabulary,
      ...specialTokens(tokenizer, terminators),
      ...(template === null ? {} : { "tokenizer.chat_template": { type: "string", value: template } }),
      ...(saved ? trainingMetadata(saved.settings) : {}),
    },
    warnings,
  };
}

/** How the model was trained, under keys of our own, which readers leave alone. */
function trainingMetadata({ template, mask_policy: policy, eos_token_id: ids }: PromptSettings): Record<string, GgufValue> {
  const text = (value: string): GgufValue => ({ type: "string", value });
  return {
    "sft.template.name": text(template.name),
    "sft.template.hash": text(template.hash),
    "sft.mask_policy": text(policy),
    ...(ids ? { "sft.eos_token_id": { type: "i32s", values: ids } satisfies GgufValue } : {}),
  };
}

function specialTokens(tokenizer: Tokenizer, terminators: ReadonlySet<number>): Record<string, GgufValue> {
  const ids: Readonly<Record<string, number | undefined>> = {
    bos: tokenizer.bos?.id,
    eos: tokenizer.eos?.id,
    // Another token that ends a turn, besides EOS.
    eot: [...terminators].find((id) => id !== tokenizer.eos?.id),
    unknown: tokenizer.unk?.id,
    padding: tokenizer.pad?.id,
  };
  const encoded = tokenizer.encode("a", { addSpecialTokens: true }).ids;
  const addsBos = tokenizer.addBosToken ?? (tokenizer.bos !== null && encoded[0] === tokenizer.bos.id);
  const addsEos = tokenizer.eos !== null && encoded.at(-1) === tokenizer.eos.id;
  return {
    ...Object.fromEntries(
      Object.entries(ids).flatMap(([name, id]) =>
        id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { type: "u32", value: id }]],
      ),
    ),
    "tokenizer.ggml.add_bos_token": { type: "bool", value: addsBos },
    "tokenizer.ggml.add_eos_token": { type: "bool", value: addsEos },
  };
}
