import { padBatch } from "@sft/mask";
import type { LanguageModel } from "@sft/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OptimiserStep } from "./optimiserStep.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";
import { microBatchProgram, stateNames } from "./stepPrograms.ts";
import { loadTinyModel, randomRows } from "./testing/tinyModel.ts";
import { trainableParameters } from "./trainableParameters.ts";

const full: TrainingSettings = { ...defaultSettings, method: "full", maxSteps: 4, learningRate: 1e-2 };
const lastLayer = { ...full, unfrozenParameters: [String.raw`model\.layers\.1\.`, "model.norm.weight$"] };
let model: LanguageModel;
beforeAll(async () => void (model = await loadTinyModel()));
afterAll(() => model.backend.dispose());

const namesOf = (settings: TrainingSettings): readonly string[] => trainableParameters(model, settings).map(({ name }) => name);

describe("freezing", () => {
  it("keeps what a pattern matches from a name's start, less what is frozen", () => {
    expect(namesOf(full)).toEqual(model.parameters.map(({ name }) => name));
    expect(namesOf(lastLayer).every((name) => name.startsWith("model.layers.1.") || name === "model.norm.weight")).toBe(true);
    expect(namesOf(lastLayer)).toHaveLength(10);
    expect(namesOf({ ...full, unfrozenParameters: [".*mlp"], frozenParameters: [String.raw`.*layers\.0`] })).toEqual(
      ["gate", "up", "down"].map((part) => `model.layers.1.mlp.${part}_proj.weight`),
    );
    expect(namesOf({ ...full, frozenParameters: ["model.embed_tokens", "lm_head"] })).toHaveLength(model.parameters.length - 2);
  });

  it("counts layers from the end, or from the start, and trains nothing else", () => {
    const layer = (index: number): readonly string[] =>
      model.parameters.map(({ name }) => name).filter((name) => name.startsWith(`model.layers.${index}.`));
    expect(namesOf({ ...full, trainedLayers: 1 })).toEqual(layer(1));
    expect(namesOf({ ...full, trainedLayers: -1 })).toEqual(layer(0));
    expect(namesOf({ ...full, trainedLayers: 2 })).toEqual([...layer(0), ...layer(1)]);
    expect(namesOf({ ...full, trainedLayers: 1, frozenParameters: [".*norm"] })).toEqual(layer(1).filter((name) => !name.includes("norm")));
  });

  it.each([
    [{ trainedLayers: 3 }, /trainedLayers is 3, and the model has 2 layers/],
    [{ method: "lora" as const, trainedLayers: 1 }, /LoRA needs an adapter|trainedLayers is for full fine-tuning/],
    [{ unfrozenParameters: ["layers.1"] }, /unfrozenParameters: "layers.1" matches no parameter from its first character on\nClosest: /],
    [{ unfrozenParameters: ["("] }, /"\(" is no valid regular expression/],
    [{ unfrozenParameters: ["model.embed_tokens.weight$[:32000]"] }, /names a range of rows/],
    [{ frozenParameters: [".*"] }, /every parameter is frozen/],
    [{ method: "lora" as const, frozenParameters: [".*"] }, /LoRA needs an adapter|is for full fine-tuning/],
  ])("refuses %j", (change, message) => {
    expect(() => trainableParameters(model, { ...full, ...change })).toThrow(message);
  });

  it("leaves no gradient, no state and no backward op for what is frozen", async () => {
    const shape = { batch: 2, length: 16, supervised: 32 };
    const count = (settings: TrainingSettings, op: string): number =>
      microBatchProgram(model, settings, shape).instructions.filter((one) => one.op === op).length;
    // Two layers: the gradient of attention is computed in the trained one alone, and none of the embedding or the head.
    expect([count(full, "attentionGrad"), count(lastLayer, "attentionGrad")]).toEqual([2, 1]);
    expect([count(lastLayer, "embeddingGrad"), count(lastLayer, "linearCrossEntropyWeightGrad")]).toEqual([0, 0]);
    // Seven products forward a layer, and where it is trained one more each for the weight and for the input (its first norm is trained).
    expect([count(full, "matmul"), count(lastLayer, "matmul")]).toEqual([3 * 2 * 7, 2 * 7 + 2 * 7]);
    const step = await OptimiserStep.create(model, lastLayer);
    const frozen = model.parameters.filter(({ name }) => !namesOf(lastLayer).includes(name));
    for (const { name } of frozen)
      for (const key of [stateNames.gradient(name), stateNames.state("exp_avg", name)]) expect(step.state.has(key), key).toBe(false);
    step.dispose();
  });

  it("gives what is trained the same gradients, and leaves the rest its bits", async () => {
    const rows = [padBatch(randomRows(3, 5))];
    const own = await loadTinyModel();
    const gradients = async (settings: TrainingSettings): Promise<ReadonlyMap<string, ArrayLike<number>>> => {
      const step = await OptimiserStep.create(own, settings);
      await step.accumulate(rows, 0);
      const found = new Map<string, ArrayLike<number>>();
      for (const { name } of step.parameters) found.set(name, await own.backend.download(step.state.get(stateNames.gradient(name))!));
      step.dispose();
      return found;
    };
    const [all, some] = [await gradients(full), await gradients(lastLayer)];
    for (const [name, gradient] of some) expect(gradient, name).toEqual(all.get(name));

    const before = new Map<string, Float32Array>();
    for (const { name } of own.parameters) before.set(name, await own.download(name));
    const step = await OptimiserStep.create(own, { ...lastLayer, warmupSteps: 0 });
    await (
      await step.run(rows, 0)
    ).metrics;
    const moved: string[] = [];
    for (const { name } of own.parameters)
      if ((await own.download(name)).some((value, index) => value !== before.get(name)![index])) moved.push(name);
    expect(moved).toEqual(namesOf(lastLayer));
    step.dispose();
    await own.backend.dispose();
  });
});
