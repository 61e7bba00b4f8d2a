import { openSafetensors } from "@sft/checkpoint";
import { createPlanningBackend, elementCount } from "@sft/kernels";
import { padBatch } from "@sft/mask";
import { LanguageModel } from "@sft/model";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { restoreCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { bucketsOf } from "./offload.ts";
import { OptimiserStep } from "./optimiserStep.ts";
import type { OptimiserName } from "./optimisers/index.ts";
import { groupParameters } from "./parameterGroups.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";
import { loadTinyModel, randomRows } from "./testing/tinyModel.ts";

const settings: TrainingSettings = { ...defaultSettings, method: "full", learningRate: 0.01, maxSteps: 3 };
const batches = [0, 1, 2].map((seed) => [padBatch(randomRows(3, seed))]);
/** Little enough that the tiny model's groups are cut in the middle of a parameter. */
const bucketElements = 5000;

interface Trained {
  readonly model: LanguageModel;
  readonly optimiser: OptimiserStep;
  readonly figures: readonly unknown[];
}

async function train(changes: Partial<TrainingSettings>, from?: string): Promise<Trained> {
  const model = await loadTinyModel({ lora: changes.method === "lora" });
  const optimiser = await OptimiserStep.create(model, { ...settings, ...changes }, bucketElements);
  const first = from === undefined ? 0 : (await restoreCheckpoint(from, model, "full", optimiser)).global_step;
  const figures: unknown[] = [];
  for (let step = first; step < batches.length; step++) figures.push(await (await optimiser.run(batches[step]!, step)).metrics);
  return { model, optimiser, figures };
}

async function valuesOf({ model, optimiser }: Trained): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const values = new Map<string, ArrayLike<number>>();
  for (const { name } of optimiser.parameters) values.set(name, await model.download(name));
  for (const name of optimiser.kept.keys()) values.set(name, await optimiser.readState(name));
  return values;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sft-offload-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("offloaded optimiser state", () => {
  it.each<[OptimiserName, Partial<TrainingSettings>]>([
    ["adamw", {}],
    ["adamw", { method: "lora", loraPlusRatio: 4 }],
    ["adamw_8bit", {}],
    ["sgd", { momentum: 0.9 }],
    ["lion", {}],
    ["adafactor", {}],
    ["muon", {}],
  ])("of %s %j gives the very numbers that resident state gives", async (optimiser, changes) => {
    const resident = await train({ optimiser, ...changes });
    const offloaded = await train({ optimiser, ...changes, offloadOptimiser: true });
    expect(offloaded.figures).toEqual(resident.figures);
    expect(await valuesOf(offloaded)).toEqual(await valuesOf(resident));
    expect(offloaded.optimiser.hostBytes).toBeGreaterThan(0);
    expect([...offloaded.optimiser.state.keys()].some((name) => offloaded.optimiser.kept.has(name))).toBe(false);
    for (const { model, optimiser: own } of [resident, offloaded]) {
      own.dispose();
      await model.backend.dispose();
    }
  });

  it("is saved and resumed as resident state is, and either run goes on from the other's checkpoint", async () => {
    const whole = await train({ offloadOptimiser: true });
    for (const [saver, resumer] of [
      [true, false],
      [false, true],
    ]) {
      const place = join(folder, String(saver));
      const model = await loadTinyModel();
      const optimiser = await OptimiserStep.create(model, { ...settings, offloadOptimiser: saver! }, bucketElements);
      await (
        await optimiser.run(batches[0]!, 0)
      ).metrics;
      const state = { global_step: 1, max_steps: 3, epoch: 0, log_history: [], sampler: {}, settings: {} };
      await saveCheckpoint(place, { model, method: "full", optimiser, state });
      const resumed = await train({ offloadOptimiser: resumer! }, place);
      expect(resumed.figures).toEqual(whole.figures.slice(1));
      expect(await valuesOf(resumed)).toEqual(await valuesOf(whole));
    }
    const [one, other] = [
      await openSafetensors(join(folder, "true/optimizer.safetensors")),
      await openSafetensors(join(folder, "false/optimizer.safetensors")),
    ];
    for (const name of one.tensors.keys()) expect(await one.read(name), name).toEqual(await other.read(name));
    await Promise.all([one.close(), other.close()]);
  });

  it("leaves room for one bucket on the device", async () => {
    const config = {
      model_type: "llama",
      vocab_size: 50_000,
      hidden_size: 1024,
      intermediate_size: 4096,
      num_hidden_layers: 8,
      num_attention_heads: 16,
      max_position_embeddings: 64,
    };
    const bytes = async (offloadOptimiser: boolean): Promise<{ readonly device: number; readonly host: number }> => {
      const backend = createPlanningBackend();
      const model = await LanguageModel.load({ backend, config, empty: true });
      const optimiser = await OptimiserStep.create(model, { ...settings, offloadOptimiser });
      return { device: backend.allocatedBytes, host: optimiser.hostBytes };
    };
    const [resident, offloaded] = [await bytes(false), await bytes(true)];
    expect(offloaded.host).toBeGreaterThan(1.8e9);
    // Two moments of 2^24 elements of 4 bytes stay.
    expect(resident.device - offloaded.device).toBeGreaterThan(offloaded.host - 2 * 2 ** 26 - 1e5);
  });
});

describe("buckets", () => {
  const model = { name: "a.weight", shape: [100, 10], kind: "linear" } as const;
  it("cut a group at aligned places, and leave nothing out", () => {
    const groups = groupParameters([model, { ...model, name: "b.weight" }], settings, 16);
    const buckets = bucketsOf(groups, 16, 300);
    expect(buckets.every(({ firstElement }) => firstElement % 16 === 0)).toBe(true);
    expect(buckets.every(({ shape }) => elementCount(shape) <= 300)).toBe(true);
    expect(buckets.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(elementCount(groups[0]!.shape));
  });

  it("hold whole parameters where the rule sees matrices, and where buffers have no parts", () => {
    expect(bucketsOf(groupParameters([model], { ...settings, optimiser: "muon" }, 16), 16, 300)).toHaveLength(1);
    expect(bucketsOf(groupParameters([model], settings, undefined), undefined, 300)).toHaveLength(1);
  });
});
