import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { checkFolder } from "./atomicFolder.ts";
import { CheckpointError } from "./checkpointError.ts";
import { readJsonObject } from "./jsonFile.ts";
import { openSafetensors } from "./openSafetensors.ts";
import { openShardedTensors } from "./shardedTensors.ts";
import type { TensorSource } from "./tensorSource.ts";

/** A Hugging Face model folder, open for reading. `close` closes the tensors. */
export interface ModelFolder extends AsyncDisposable {
  readonly path: string;
  /** `config.json` as it stands; what its fields mean is the model's business. */
  readonly config: Readonly<Record<string, unknown>>;
  /** `generation_config.json`; undefined when there is none. */
  readonly generationConfig: Readonly<Record<string, unknown>> | undefined;
  readonly tensors: TensorSource;
  close(): Promise<void>;
}

/** Names of a folder's weights: the whole file, else the index of shards, as transformers looks for them. */
const wholeFile = "model.safetensors";
const indexFile = "model.safetensors.index.json";

/**
 * Opens a model folder: `config.json`, and `model.safetensors` or `model.safetensors.index.json` with its shards.
 * Throws `CheckpointError`: "not-found", "not-a-folder", "no-config", "bad-json", "no-weights", "pickle-weights",
 * "bad-index", "missing-shard", "unsafe-shard-name"; and `SafetensorsError` for a malformed tensor file.
 */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  await checkFolder(folder);
  const names = await readdir(folder);
  const config = await readModelConfig(folder, names);
  const generationName = "generation_config.json";
  const generationConfig = names.includes(generationName) ? await readJsonObject(join(folder, generationName)) : undefined;
  const tensors = await openWeights(folder, names);
  const close = (): Promise<void> => tensors.close();
  return { path: folder, config, generationConfig, tensors, close, [Symbol.asyncDispose]: close };
}

async function readModelConfig(folder: string, names: readonly string[]): Promise<Record<string, unknown>> {
  if (names.includes("config.json")) return readJsonObject(join(folder, "config.json"));
  const message = `${folder} has no config.json, so it is not a model folder`;
  const hint = names.includes("adapter_config.json")
    ? "It holds an adapter: give the folder of its base model, and this one as the adapter."
    : "Give a folder in Hugging Face's layout: config.json beside model.safetensors.";
  throw new CheckpointError("no-config", folder, message, hint);
}

async function openWeights(folder: string, names: readonly string[]): Promise<TensorSource> {
  if (names.includes(wholeFile)) return openSafetensors(join(folder, wholeFile));
  if (names.includes(indexFile)) return openShardedTensors(folder, indexFile);
  refusePickle(folder, names, /^(pytorch_model.*\.bin|.*\.pth?)$/, "transformers import AutoModelForCausalLM");
  const message = `${folder} has neither ${wholeFile} nor ${indexFile}`;
  const others = names.filter((name) => /\.(safetensors|gguf|onnx|h5|msgpack)$/.test(name));
  const hint = others.length > 0 ? `It has ${others.slice(0, 3).join(", ")}, which is not read.` : "Fetch the weights too.";
  throw new CheckpointError("no-weights", folder, message, hint);
}

/** Refuses weights saved by Python's pickle, which runs code when it is loaded, and says how to convert them. */
export function refusePickle(folder: string, names: readonly string[], pattern: RegExp, loader: string): void {
  const pickle = names.find((name) => pattern.test(name));
  if (pickle === undefined) return;
  const message = `${join(folder, pickle)} is a Python pickle, which can run any code when it is loaded; it is not read`;
  const script = `from ${loader} as M; M.from_pretrained('${folder}').save_pretrained('converted')`;
  throw new CheckpointError("pickle-weights", folder, message, `Convert it where you trust it: python -c "${script}"`);
}
