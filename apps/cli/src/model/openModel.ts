import { CheckpointError, openAdapterFolder, openModelFolder, type ModelFolder } from "@sft/checkpoint";
import type { Backend } from "@sft/kernels";
import { attachSavedAdapter, findFamily, LanguageModel, type LoadOptions, type ModelConfig } from "@sft/model";
import type { Tokenizer } from "@sft/tokenizer";
import { loadTokenizer } from "@sft/tokenizer/node";
import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { CliError } from "../failure/cliError.ts";
import { refuseOtherBase } from "./baseRecord.ts";

/** A model folder looked at, its weights not read yet: enough to check a run before the slow part. */
export interface OpenedModel extends AsyncDisposable {
  readonly folder: ModelFolder;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
}

/**
 * Opens a model and its tokenizer, and checks that they belong together.
 * @throws CliError "vocabulary-mismatch"; ModelError "unknown-family" and others; what opening the files throws
 */
export async function openModel(path: string, tokenizerPath: string = path): Promise<OpenedModel> {
  const folder = await openModelFolder(path).catch((error: unknown) => {
    throw mayMeanHub(path, error)
      ? new CliError("not-found", `Expected a model folder at ${path}; nothing is there.`, hubHint(path), { cause: error })
      : error;
  });
  try {
    const config = findFamily(folder.config).readConfig(folder.config);
    const tokenizer = await loadTokenizer(tokenizerPath);
    if (tokenizer.vocabSize > config.vocabSize) {
      throw new CliError(
        "vocabulary-mismatch",
        `The tokenizer in ${tokenizerPath} has ${tokenizer.vocabSize} tokens, the embedding of ${path} only ${config.vocabSize} rows.`,
        "Give the tokenizer that belongs to the model.",
      );
    }
    return { folder, config, tokenizer, [Symbol.asyncDispose]: () => folder.close() };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** "organisation/model" was looked for as a folder in a folder, and there is neither. */
function mayMeanHub(path: string, error: unknown): boolean {
  return error instanceof CheckpointError && error.code === "not-found" && !existsSync(dirname(path));
}

const hubHint = (path: string): string =>
  `Check the path. A model of the Hugging Face hub is fetched first: sft download ${basename(dirname(path))}/${basename(path)}`;

/** Reads the weights into a backend. */
export async function loadModel(
  { folder }: OpenedModel,
  backend: Backend,
  options: Pick<LoadOptions, "positions" | "quantise" | "frozenWeights" | "float32Modules"> = {},
): Promise<LanguageModel> {
  return LanguageModel.load({ backend, config: folder.config, weights: folder.tensors, ...options });
}

/** Puts a saved PEFT adapter on a model, without its dropout. @throws CliError "other-base-model"; ModelError "adapter-mismatch" and others */
export async function attachAdapter(model: LanguageModel, path: string, base: ModelFolder): Promise<void> {
  await using adapter = await openAdapterFolder(path);
  await attachSavedAdapter(model, adapter, { dropout: 0 });
  await refuseOtherBase(path, base);
}
