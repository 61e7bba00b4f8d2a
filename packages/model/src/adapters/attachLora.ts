import { elementCount } from "@sft/kernels";
import { ModelError } from "../errors.ts";
import type { ParameterSpec } from "../families/family.ts";
import { randomFrom } from "../randomWeights.ts";
import { transpose } from "../transpose.ts";
import type { WeightBuffers } from "../weightBuffers.ts";
import { initialLora, rowNorms } from "./initialLora.ts";
import { adapterParameters, layoutLora, type AdapterLayout, type LoraConfig } from "./lora.ts";

export interface AttachOptions {
  /** Values by name; without them PEFT's initial ones are drawn with `seed`. */
  readonly tensors?: ReadonlyMap<string, Float32Array>;
  readonly seed?: number;
  /** Buffers are made and nothing is written to them. */
  readonly empty?: boolean;
}

/** Lays an adapter's parameters beside the base model's `parameters`. @throws ModelError "bad-lora", "missing-tensor", "wrong-shape" */
export async function attachLora(
  weights: WeightBuffers,
  parameters: readonly ParameterSpec[],
  config: LoraConfig,
  { tensors, seed = 0, empty = false }: AttachOptions = {},
): Promise<AdapterLayout> {
  const layout = layoutLora(parameters, config);
  await transposeForDora(weights, parameters, layout, empty);
  if (empty) {
    for (const parameter of adapterParameters(layout)) weights.allocate(parameter);
    return layout;
  }
  const values = tensors ?? (await initialValues(weights, layout, seed));
  for (const parameter of adapterParameters(layout)) weights.set(parameter, valuesFor(parameter, values));
  return layout;
}

/** Turns weights stored [in, out] that get a DoRA pair. */
async function transposeForDora(
  weights: WeightBuffers,
  parameters: readonly ParameterSpec[],
  layout: AdapterLayout,
  empty: boolean,
): Promise<void> {
  for (const parameter of parameters) {
    const module = parameter.name.slice(0, -".weight".length);
    if (parameter.kind !== "conv1d" || !layout.modules.get(module)?.magnitude || weights.transposed.has(parameter.name)) continue;
    if (weights.quantised.has(parameter.name))
      throw new ModelError(
        "bad-lora",
        `DoRA on ${module} needs the weight's rows, and its 4 bits are packed by columns`,
        "Use LoRA, or load the model without quantising it.",
      );
    if (!empty) weights.set(parameter, transpose(await weights.download(parameter.name), parameter.shape[0]!));
    weights.transposed.add(parameter.name);
  }
}

/** Drawn pairs, the norms of the base's rows as DoRA's magnitudes, and the base's own values in whole copies. */
async function initialValues(weights: WeightBuffers, layout: AdapterLayout, seed: number): Promise<ReadonlyMap<string, Float32Array>> {
  const values = new Map(initialLora(layout, randomFrom(seed)));
  for (const [module, { magnitude }] of layout.modules) {
    if (!magnitude) continue;
    const weight = `${module}.weight`;
    const [rows, data] = [magnitude.shape[0]!, await weights.download(weight)];
    values.set(magnitude.name, rowNorms(weights.transposed.has(weight) ? transpose(data, data.length / rows) : data, rows));
  }
  for (const [name, copy] of layout.copies) values.set(copy.name, await weights.download(name));
  return values;
}

function valuesFor({ name, shape }: ParameterSpec, values: ReadonlyMap<string, Float32Array>): Float32Array {
  const data = values.get(name);
  if (!data)
    throw new ModelError(
      "missing-tensor",
      `the adapter has no tensor ${name}`,
      "It was made for another model, or for other target modules.",
    );
  if (data.length !== elementCount(shape))
    throw new ModelError(
      "wrong-shape",
      `adapter tensor ${name} has ${data.length} elements, this model needs [${shape.join(", ")}]`,
      "The adapter was made for a base model of another size.",
    );
  return data;
}
