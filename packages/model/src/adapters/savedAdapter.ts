import type { AdapterFolder } from "@sft/checkpoint";
import { ModelError } from "../errors.ts";
import type { ParameterSpec } from "../families/family.ts";
import type { LanguageModel } from "../languageModel.ts";
import { refuseUnimplementedFields } from "./adapterFields.ts";
import { adapterParameters, layoutLora, type AdapterLayout, type LoraConfig } from "./lora.ts";

/** An adapter folder's config and the shapes of its tensors. */
export type SavedAdapter = Pick<AdapterFolder, "path" | "config" | "tensors">;

/**
 * LoRA settings of a saved adapter. Its targets and its copies are the modules whose tensors it holds: that is what PEFT's own rules
 * (names, patterns, layers_to_transform, exclude_modules, a family's defaults) came to when it was made.
 * @throws ModelError "unsupported-config" for a field that changes the maths in a way that is not implemented
 */
export function savedLoraConfig({ path, config, tensors }: SavedAdapter): LoraConfig {
  refuseUnimplementedFields(config, path);
  const targetModules = [...tensors.tensors.keys()].flatMap(
    (name) => /^base_model\.model\.(.+)\.lora_(?:A\.weight|embedding_A)$/.exec(name)?.[1] ?? [],
  );
  if (targetModules.length === 0) {
    throw new ModelError(
      "adapter-mismatch",
      `${path} holds no LoRA pairs: its target_modules ${JSON.stringify(config.target_modules)} matched nothing when it was made`,
      "Train it again with other target modules.",
    );
  }
  // PEFT copies every module whose name ends with an entry of modules_to_save: what it came to is in the file.
  const copied = [...tensors.tensors.keys()].flatMap(
    (name) => /^base_model\.model\.((?!.*\.lora_).+)\.(?:weight|bias)$/.exec(name)?.[1] ?? [],
  );
  return {
    r: config.r,
    alpha: config.lora_alpha,
    dropout: config.lora_dropout,
    targetModules,
    useRslora: config.use_rslora,
    useDora: config.use_dora,
    rankPattern: config.rank_pattern,
    alphaPattern: config.alpha_pattern,
    ...(config.modules_to_save?.length ? { modulesToSave: [...new Set(copied)] } : {}),
  };
}

/**
 * Where a saved adapter sits in a model with these parameters, every tensor checked.
 * @throws ModelError "adapter-mismatch" for a module that the model lacks, a tensor of another shape, one that is missing, or one too many
 */
export function savedAdapterLayout(parameters: readonly ParameterSpec[], adapter: SavedAdapter): AdapterLayout {
  const config = savedLoraConfig(adapter);
  const known = new Set(parameters.map(({ name }) => name));
  const stranger = (config.targetModules as readonly string[]).find((module) => !known.has(`${module}.weight`));
  if (stranger !== undefined) throw mismatch(adapter.path, `it has a pair for ${stranger}, which the model does not have`);
  const layout = layoutLora(parameters, config);
  const expected = new Map(adapterParameters(layout).map((parameter) => [parameter.name, parameter]));
  for (const { name, shape } of expected.values()) {
    const found = adapter.tensors.tensors.get(name);
    if (!found) throw mismatch(adapter.path, `expected the tensor ${name} [${shape.join(", ")}], it is not there`);
    if (found.shape.join() !== shape.join())
      throw mismatch(adapter.path, `expected ${name} to be [${shape.join(", ")}], found [${found.shape.join(", ")}]`);
  }
  const extra = [...adapter.tensors.tensors.keys()].find((name) => !expected.has(name));
  if (extra !== undefined) {
    throw new ModelError(
      "adapter-mismatch",
      `${adapter.path}: the tensor ${extra} is no part of a LoRA pair on a linear layer, and would be left out`,
      "Merge the adapter with PEFT (merge_and_unload), and use the merged model here.",
    );
  }
  return layout;
}

/** Puts a saved adapter on a model; `dropout` overrides the saved one. @throws what `savedAdapterLayout` throws */
export async function attachSavedAdapter(
  model: LanguageModel,
  adapter: SavedAdapter,
  options: { readonly dropout?: number } = {},
): Promise<AdapterLayout> {
  const { config } = savedAdapterLayout(model.parameters, adapter);
  const tensors = new Map<string, Float32Array>();
  for (const name of adapter.tensors.tensors.keys()) tensors.set(name, await adapter.tensors.readFloat32(name));
  return model.attachLora({ ...config, dropout: options.dropout ?? config.dropout }, { tensors });
}

function mismatch(path: string, what: string): ModelError {
  return new ModelError(
    "adapter-mismatch",
    `the adapter ${path} does not fit this base model: ${what}`,
    "It was made for another base model; adapter_config.json names that one as base_model_name_or_path.",
  );
}
