import { openAdapterFolder, openModelFolder, type ModelFolder } from "@sft/checkpoint";
import type { Backend } from "@sft/kernels";
import { adapterParameters, findFamily, LanguageModel, type ModelConfig } from "@sft/model";
import type { Tokenizer } from "@sft/tokenizer";
import { loadTokenizer } from "@sft/tokenizer/node";
import { CliError } from "../failure/cliError.ts";
import { toLoraConfig } from "./toLoraConfig.ts";

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
  const folder = await openModelFolder(path);
  try {
    const config = findFamily(folder.config).readConfig(folder.config);
    const tokenizer = await loadTokenizer(tokenizerPath);
    if (tokenizer.vocabSize > config.vocabSize) {
      throw new CliError("vocabulary-mismatch", `The tokenizer in ${tokenizerPath} has ${tokenizer.vocabSize} tokens, the embedding of ${path} only ${config.vocabSize} rows.`, "Give the tokenizer that belongs to the model.");
    }
    return { folder, config, tokenizer, [Symbol.asyncDispose]: () => folder.close() };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** Reads the weights into a backend; `positions` is the longest sequence that will run. */
export async function loadModel({ folder }: OpenedModel, backend: Backend, positions?: number): Promise<LanguageModel> {
  return LanguageModel.load({ backend, config: folder.config, weights: folder.tensors, ...(positions === undefined ? {} : { positions }) });
}

/**
 * Puts a saved PEFT adapter on a model.
 * @throws CliError "adapter-not-understood" for tensors that would be left out; ModelError for ones that are missing
 */
export async function attachAdapter(model: LanguageModel, path: string): Promise<void> {
  const adapter = await openAdapterFolder(path);
  try {
    const tensors = new Map<string, Float32Array>();
    for (const name of adapter.tensors.tensors.keys()) tensors.set(name, await adapter.tensors.readFloat32(name));
    const layout = await model.attachLora(toLoraConfig(adapter.config), { tensors });
    const used = new Set(adapterParameters(layout).map(({ name }) => name));
    const unused = [...tensors.keys()].filter((name) => !used.has(name));
    if (unused.length > 0) {
      throw new CliError("adapter-not-understood", `${path} holds ${unused.length} tensors that LoRA on this model has no place for: ${unused.slice(0, 3).join(", ")}.`, "Biases and modules_to_save are not read; merge such an adapter with PEFT first.");
    }
  } finally {
    await adapter.close();
  }
}
