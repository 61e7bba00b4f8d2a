import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { adapterCard } from "./adapterCard.ts";
import { completeAdapterConfig, parseAdapterConfig } from "./adapterConfig.ts";
import type { AdapterConfig, AdapterConfigInput } from "./adapterConfig.ts";
import { writeFileAtomic } from "./atomicFile.ts";
import { addToFolder, checkFolder } from "./atomicFolder.ts";
import { CheckpointError } from "./checkpointError.ts";
import { formatJson, readJsonObject } from "./jsonFile.ts";
import { refusePickle } from "./modelFolder.ts";
import { openSafetensors } from "./openSafetensors.ts";
import type { TensorSource, TensorsToWrite } from "./tensorSource.ts";
import { checkFileNames } from "./writeModelFolder.ts";
import { writeSafetensors } from "./writeSafetensors.ts";

const configFile = "adapter_config.json";
const weightsFile = "adapter_model.safetensors";

/** A PEFT adapter folder, open for reading. */
export interface AdapterFolder extends AsyncDisposable {
  readonly path: string;
  readonly config: AdapterConfig;
  /** Under PEFT's names: `base_model.model.<module path>.lora_A.weight` [r, in], `.lora_B.weight` [out, r]. */
  readonly tensors: TensorSource;
  close(): Promise<void>;
}

/**
 * Opens `adapter_config.json` and `adapter_model.safetensors` of a folder that PEFT or this package wrote.
 * Throws `CheckpointError`: "not-found", "not-a-folder", "no-config", "bad-json", "bad-adapter-config", "no-weights",
 * "pickle-weights"; and `SafetensorsError` for a malformed tensor file.
 */
export async function openAdapterFolder(folder: string): Promise<AdapterFolder> {
  await checkFolder(folder);
  const names = await readdir(folder);
  if (!names.includes(configFile)) {
    const hint = "Give the folder that PEFT's save_pretrained, or a training run, wrote for the adapter.";
    throw new CheckpointError("no-config", folder, `${folder} has no ${configFile}, so it is not an adapter folder`, hint);
  }
  const configPath = join(folder, configFile);
  const config = parseAdapterConfig(await readJsonObject(configPath), configPath);
  if (!names.includes(weightsFile)) {
    refusePickle(folder, names, /^adapter_model\.bin$/, "peft import AutoPeftModelForCausalLM");
    throw new CheckpointError("no-weights", folder, `${folder} has no ${weightsFile}`, "Fetch the weights too.");
  }
  const tensors = await openSafetensors(join(folder, weightsFile));
  const close = (): Promise<void> => tensors.close();
  return { path: folder, config, tensors, close, [Symbol.asyncDispose]: close };
}

export interface AdapterFolderContent {
  /** PEFT's fields; what is not given has PEFT's default. */
  readonly config: AdapterConfigInput;
  readonly tensors: TensorsToWrite;
  /** Further files by name; a `README.md` here takes the place of the generated card. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/**
 * Writes an adapter folder that PEFT loads. Other files of an existing folder stay; nothing appears before all of it
 * is written. Throws as `writeModelFolder` does, and "bad-adapter-config" for a config that it would not read back.
 */
export async function writeAdapterFolder(folder: string, { config, tensors, files = {} }: AdapterFolderContent): Promise<void> {
  checkFileNames(folder, files);
  const complete = parseAdapterConfig(completeAdapterConfig(config), join(folder, configFile));
  await addToFolder(folder, async (staging) => {
    await writeSafetensors(join(staging, weightsFile), tensors);
    await writeFileAtomic(join(staging, "README.md"), adapterCard(complete));
    for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(staging, name), content);
    await writeFileAtomic(join(staging, configFile), formatJson(complete));
  });
}
