/**
 * Makes what bench/checkPeft.py compares with PEFT and transformers: for four golden families (llama, qwen3, gemma3, gpt2)
 * two optimiser steps of LoRA, rsLoRA, DoRA, rank patterns, whole copies of modules and, on the untied llama, pairs on embeddings and
 * head; the adapter folder as training saves it, the
 * merged folder, and a JSON file with token ids and the logits that this project computes.
 *
 *   pnpm --filter @sft/bench peft OUTPUT_FOLDER
 */
import { createCpuBackend } from "@sft/kernels-cpu";
import { openAdapterFolder, openModelFolder, writeFileAtomic, writeModelFolder, type TensorToWrite } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { padBatch } from "@sft/mask";
import { LanguageModel, mergedTensors, savedAdapterLayout, sequenceLogits, type LoraConfig } from "@sft/model";
import { defaultSettings, OptimiserStep, saveWeights } from "@sft/trainer";
import { cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";

const output = resolve(process.argv[2] ?? "peft-check");
const backend = await createCpuBackend();
const sequences = [
  [5, 9, 200, 31, 7, 77, 150, 2],
  [300, 12, 13, 14, 250, 251, 3, 4],
];
const methods: Readonly<Record<string, Partial<LoraConfig>>> = {
  lora: {},
  rslora: { useRslora: true },
  dora: { useDora: true },
  copies: { modulesToSave: ["norm", "ln_f", "embed_tokens", "lm_head"] },
  embeddings: { targetModules: ["q_proj", "embed_tokens", "lm_head"] },
  patterns: { rankPattern: { "layers.0..*": 2 }, alphaPattern: { "(mlp|attn)\\..*": 32 } },
};

for (const family of ["llama", "qwen3", "gemma3", "gpt2"]) {
  await using base = await openModelFolder(goldenModelPath(family));
  const baseCopy = join(output, family, "base");
  await mkdir(baseCopy, { recursive: true });
  for (const name of ["config.json", "model.safetensors"]) await cp(join(base.path, name), join(baseCopy, name));
  for (const [method, own] of Object.entries(methods)) {
    const folder = join(output, family, method);
    const model = await LanguageModel.load({ backend, config: base.config, weights: base.tensors });
    if (method === "embeddings" && model.config.tiedEmbeddings) continue;
    const copied = own.modulesToSave?.filter((name) => hasOwnModule(model, name));
    await model.attachLora(
      { r: 4, alpha: 8, dropout: 0, targetModules: "all-linear", ...own, ...(copied ? { modulesToSave: copied } : {}) },
      { seed: 1 },
    );
    const optimiser = await OptimiserStep.create(model, { ...defaultSettings, learningRate: 0.05, maxSteps: 2 });
    const rows = sequences.map((ids) => ({
      inputIds: Int32Array.from(ids.slice(0, -1)),
      targets: Int32Array.from(ids.slice(1)),
      weights: new Float32Array(ids.length - 1).fill(1),
    }));
    for (let step = 0; step < 2; step++) await (await optimiser.run([padBatch(rows)], step)).metrics;
    optimiser.dispose();
    await saveWeights(join(folder, "adapter"), { model, method: "lora", baseModel: baseCopy });

    await using adapter = await openAdapterFolder(join(folder, "adapter"));
    const merged = mergedTensors(base.tensors, model.parameters, {
      layout: savedAdapterLayout(model.parameters, adapter),
      tensors: adapter.tensors,
    });
    const tensors = [...base.tensors.tensors.values()].map(({ name, shape }): TensorToWrite => ({
      name,
      shape,
      dtype: "F32",
      data: () => merged.readFloat32(name),
    }));
    await writeModelFolder(join(folder, "merged"), { config: base.config, tensors });
    const logits = await sequenceLogits(model, sequences);
    await writeFileAtomic(
      join(folder, "logits.json"),
      JSON.stringify({ ids: sequences, vocabulary: model.config.vocabSize, logits: [...logits] }),
    );
    console.log(`${family} ${method}: ${folder}`);
    for (const buffer of model.buffers.values()) backend.free(buffer);
  }
}
await backend.dispose();

/** Whether a model has a module of this name of which a copy can be trained: tied embeddings are none. */
function hasOwnModule({ parameters, config }: LanguageModel, name: string): boolean {
  return (
    parameters.some((one) => one.name.endsWith(`.${name}.weight`) && !(config.tiedEmbeddings && one.kind === "embedding")) ||
    parameters.some((one) => one.name === `${name}.weight`)
  );
}
