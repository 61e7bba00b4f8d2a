import { openAdapterFolder, openModelFolder, openSafetensors } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import type { Backend } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LanguageModel } from "../languageModel.ts";
import { sequenceLogits } from "../sequenceLogits.ts";
import { adapterParameters } from "./lora.ts";
import { mergedTensors } from "./mergedTensors.ts";
import { attachSavedAdapter, savedAdapterLayout } from "./savedAdapter.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await createCpuBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

/** The golden batch's real tokens, and what PEFT's adapter model made of them: logits of each sequence's tokens. */
async function goldenLogits(
  family: string,
  adapter: string,
): Promise<{ sequences: Int32Array[]; logits: (all: Float32Array) => Float32Array; expected: Float32Array }> {
  await using base = await openSafetensors(`${goldenModelPath(family)}/case.safetensors`);
  await using adapted = await openSafetensors(`${goldenModelPath(family)}/${adapter}/case.safetensors`);
  const [, length, vocab] = adapted.tensors.get("logits")!.shape as [number, number, number];
  const [ids, mask] = [await base.readInt32("input_ids"), await base.readInt32("attention_mask")];
  const attended = (values: Float32Array): Float32Array => values.filter((_, index) => mask[Math.floor(index / vocab)] === 1);
  const sequences = Array.from({ length: ids.length / length }, (_, row) =>
    ids.slice(row * length, (row + 1) * length).filter((_, column) => mask[row * length + column] === 1),
  );
  return { sequences, logits: attended, expected: attended(await adapted.readFloat32("logits")) };
}

function relativeL2(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  return Math.sqrt(
    actual.reduce((sum, value, index) => sum + (value - expected[index]!) ** 2, 0) / expected.reduce((sum, value) => sum + value ** 2, 0),
  );
}

const cases = [
  ["llama", "lora"],
  ["llama", "rslora"],
  ["llama", "dora"],
  ["gpt2", "lora"],
  ["gemma3", "lora"],
  ["gpt-neox", "lora"],
  ["phi3", "lora"],
] as const;

describe("DoRA on weights stored [in, out]", () => {
  it("starts as the base, merges to what it computes, and leaves the base's weights readable as they were", async () => {
    await using base = await openModelFolder(goldenModelPath("gpt2"));
    const load = () => LanguageModel.load({ backend, config: base.config, weights: base.tensors });
    const prompts = [Int32Array.of(5, 9, 200, 31, 7), Int32Array.of(300, 12)];
    const model = await load();
    const plain = await sequenceLogits(model, prompts);
    const layout = await model.attachLora({ r: 3, alpha: 6, dropout: 0, targetModules: "all-linear", useDora: true });
    expect(relativeL2(await sequenceLogits(model, prompts), plain)).toBeLessThan(1e-5);

    const name = "transformer.h.0.mlp.c_fc.weight";
    expect(await model.download(name)).toEqual(await base.tensors.readFloat32(name));
    const values = new Map<string, Float32Array>();
    for (const parameter of adapterParameters(layout)) {
      const start = await model.download(parameter.name);
      values.set(
        parameter.name,
        start.map((value, index) => value * (1 + 0.3 * Math.sin(index)) + 0.02 * Math.cos(index)),
      );
    }
    await model.attachLora(layout.config, { tensors: values });
    const adapted = await sequenceLogits(model, prompts);
    expect(relativeL2(adapted, plain)).toBeGreaterThan(1e-2);
    const tensors = { ...base.tensors, readFloat32: async (tensor: string) => values.get(tensor)! };
    const merged = await LanguageModel.load({
      backend,
      config: base.config,
      weights: mergedTensors(base.tensors, model.parameters, { layout, tensors }),
    });
    expect(relativeL2(await sequenceLogits(merged, prompts), adapted)).toBeLessThan(1e-5);
  });
});

describe("a merged model", () => {
  // float32 sums of a few hundred terms, two layers deep, are off by some 1e-6 of their norm.
  it.each(cases)("of %s with PEFT's %s gives the logits that PEFT's adapter model gave, as the unmerged one does", async (family, kind) => {
    const golden = await goldenLogits(family, kind);
    await using base = await openModelFolder(goldenModelPath(family));
    await using adapter = await openAdapterFolder(`${goldenModelPath(family)}/${kind}`);
    const adapted = await LanguageModel.load({ backend, config: base.config, weights: base.tensors });
    await attachSavedAdapter(adapted, adapter);
    expect(relativeL2(golden.logits(await sequenceLogits(adapted, golden.sequences)), golden.expected)).toBeLessThan(1e-5);

    const weights = mergedTensors(base.tensors, adapted.parameters, {
      layout: savedAdapterLayout(adapted.parameters, adapter),
      tensors: adapter.tensors,
    });
    expect([...weights.tensors.keys()].filter(weights.isChanged)).toHaveLength(adapted.adapter!.modules.size);
    const merged = await LanguageModel.load({ backend, config: base.config, weights });
    expect(relativeL2(golden.logits(await sequenceLogits(merged, golden.sequences)), golden.expected)).toBeLessThan(1e-5);
    const plain = await LanguageModel.load({ backend, config: base.config, weights: base.tensors });
    expect(relativeL2(golden.logits(await sequenceLogits(plain, golden.sequences)), golden.expected)).toBeGreaterThan(1e-3);
  });
});
