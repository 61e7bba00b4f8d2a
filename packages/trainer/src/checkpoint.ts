import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  openAdapterFolder,
  openModelFolder,
  openSafetensors,
  replaceFolder,
  writeAdapterFolder,
  writeFileAtomic,
  writeModelFolder,
  writeSafetensors,
  type TensorSource,
  type TensorToWrite,
} from "@sft/checkpoint";
import type { LanguageModel, ParameterSpec } from "@sft/model";
import type { OptimiserStep } from "./optimiserStep.ts";
import type { TrainerState } from "./trainerState.ts";
import { TrainingError } from "./trainingError.ts";

/** Extra text files that travel with what is saved: the tokenizer's, the template, the mask policy. */
export type CompanionFiles = Readonly<Record<string, string | Uint8Array>>;

export interface SaveOptions {
  readonly model: LanguageModel;
  readonly method: "lora" | "full";
  /** Hub name or path of the base model, for adapter_config.json. */
  readonly baseModel?: string;
  readonly files?: CompanionFiles;
}

/** Writes the trained weights alone: a PEFT adapter folder for LoRA, a Hugging Face model folder for full fine-tuning. */
export async function saveWeights(folder: string, options: SaveOptions): Promise<void> {
  const { model, method, baseModel, files = {} } = options;
  const tensors = model.trainableParameters(method).map((parameter) => parameterToWrite(model, parameter));
  if (method === "full") {
    await writeModelFolder(folder, { config: model.config.raw, tensors, files, dtype: "F32" });
    return;
  }
  const { config, modules, copies } = model.adapter!;
  await writeAdapterFolder(folder, {
    config: {
      r: config.r,
      lora_alpha: config.alpha,
      lora_dropout: config.dropout,
      use_rslora: config.useRslora ?? false,
      use_dora: config.useDora ?? false,
      rank_pattern: config.rankPattern ?? {},
      alpha_pattern: config.alphaPattern ?? {},
      fan_in_fan_out: storesInputFirst(model, modules.keys()),
      target_modules: [...modules.keys()],
      // Whole names: PEFT takes every module that ends with one of these, and "norm" ends many.
      modules_to_save: copies.size > 0 ? [...new Set([...copies.keys()].map((name) => name.slice(0, name.lastIndexOf("."))))] : null,
      base_model_name_or_path: baseModel ?? null,
    },
    tensors,
    files,
  });
}

/** Writes `folder` as a whole: weights, optimizer.safetensors and trainer_state.json; a reader sees all of it or nothing. */
export async function saveCheckpoint(
  folder: string,
  options: SaveOptions & { readonly optimiser: OptimiserStep; readonly state: TrainerState },
): Promise<void> {
  const { optimiser, state } = options;
  await replaceFolder(folder, async (temporary) => {
    await saveWeights(temporary, options);
    const kept = [...optimiser.kept].map(([name, { shape, dtype }]): TensorToWrite => ({
      name,
      shape,
      dtype: dtype === "i32" ? "I32" : "F32",
      data: async () => (dtype === "i32" ? Int32Array : Float32Array).from(await optimiser.readState(name)),
    }));
    await writeSafetensors(join(temporary, "optimizer.safetensors"), kept, { metadata: { format: "pt" } });
    await writeFileAtomic(join(temporary, "trainer_state.json"), `${JSON.stringify(state, null, 2)}\n`);
  });
}

/** Puts weights and optimiser back to where a checkpoint was saved and returns its state. */
export async function restoreCheckpoint(
  folder: string,
  model: LanguageModel,
  method: "lora" | "full",
  optimiser: OptimiserStep,
): Promise<TrainerState> {
  const state = await readTrainerState(folder);
  const weights = method === "lora" ? await openAdapterFolder(folder) : await openModelFolder(folder);
  try {
    for (const parameter of optimiser.parameters) {
      checkTensor(weights.tensors, parameter.name, parameter, folder);
      model.backend.upload(model.buffers.get(parameter.name)!, await weights.tensors.readFloat32(parameter.name));
    }
  } finally {
    await weights.close();
  }
  optimiser.parametersReplaced();
  const kept = await openSafetensors(join(folder, "optimizer.safetensors"));
  try {
    for (const [name, tensor] of optimiser.kept) {
      checkTensor(kept, name, tensor, folder);
      optimiser.writeState(name, tensor.dtype === "i32" ? await kept.readInt32(name) : await kept.readFloat32(name));
    }
  } finally {
    await kept.close();
  }
  return state;
}

/** Whether the adapted weights are stored [in, out], as GPT-2's are: PEFT's fan_in_fan_out. */
function storesInputFirst(model: LanguageModel, modules: Iterable<string>): boolean {
  const adapted = new Set([...modules].map((module) => `${module}.weight`));
  return model.parameters.some(({ name, kind }) => kind === "conv1d" && adapted.has(name));
}

async function readTrainerState(folder: string): Promise<TrainerState> {
  const path = join(folder, "trainer_state.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    throw new TrainingError(
      "bad-checkpoint",
      `${folder} is no checkpoint: it has no trainer_state.json`,
      "Give a checkpoint-<step> folder of a run.",
    );
  }
  const state = parseState(text, path);
  if (typeof state.global_step !== "number" || state.sampler === undefined || !Array.isArray(state.log_history)) {
    throw new TrainingError("bad-checkpoint", `${path} has no global_step, log_history or sampler: it was not written by this trainer`);
  }
  return state as TrainerState;
}

function parseState(text: string, path: string): Partial<TrainerState> {
  try {
    return Object(JSON.parse(text)) as Partial<TrainerState>;
  } catch (error) {
    throw new TrainingError(
      "bad-checkpoint",
      `${path} is no JSON: ${(error as Error).message}`,
      "It is damaged: go on from an earlier checkpoint.",
    );
  }
}

function checkTensor(source: TensorSource, name: string, expected: { readonly shape: readonly number[] }, folder: string): void {
  const found = source.tensors.get(name);
  if (!found)
    throw new TrainingError(
      "checkpoint-mismatch",
      `${folder} has no tensor ${name}`,
      "It was saved by a run with other LoRA targets, another method or another optimiser.",
    );
  if (found.shape.join() !== expected.shape.join()) {
    throw new TrainingError(
      "checkpoint-mismatch",
      `${folder}: ${name} is [${found.shape.join(", ")}], this run needs [${expected.shape.join(", ")}]`,
      "It was saved with another rank or another model.",
    );
  }
}

function parameterToWrite(model: LanguageModel, { name, shape }: ParameterSpec): TensorToWrite {
  return { name, dtype: "F32", shape, data: () => model.download(name) };
}
