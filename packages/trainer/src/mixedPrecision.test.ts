import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { wrapBackend, type Backend } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { frozenWeightsFor, LanguageModel, type WeightSource } from "@sft/model";
import { afterEach, beforeEach, expect, it } from "vitest";
import { paddedBatches } from "./batchSource.ts";
import type { TrainerState } from "./trainerState.ts";
import { defaultSettings } from "./settings.ts";
import { orderedSampler, randomRows } from "./testing/tinyModel.ts";
import { train, type TrainResult } from "./train.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sft-mixed-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A backend that says of itself what one with matrix units says, and computes as it always does. */
async function createMixedBackend(precision: "float32" | "float64"): Promise<Backend> {
  const backend = await createCpuBackend({ precision, threads: 1 });
  return wrapBackend(backend, { capabilities: { ...backend.capabilities, productRoundoff: 2 ** -11 } });
}

async function trainTiny(
  backend: Backend,
  weights: (model: WeightSource) => WeightSource,
  options: { readonly frozenWeights?: "float32" | "float16"; readonly resumeFrom?: string } = {},
): Promise<TrainResult & { readonly base: ReadonlyMap<string, Float32Array> }> {
  await using source = await openModelFolder(goldenModelPath("llama"));
  const { frozenWeights = frozenWeightsFor(backend.capabilities), ...resume } = options;
  const model = await LanguageModel.load({ backend, config: source.config, weights: weights(source.tensors), frozenWeights });
  await model.attachLora({ r: 4, alpha: 8, dropout: 0, targetModules: "all-linear" }, { seed: 3 });
  const rows = randomRows(12, 21);
  const result = await train({
    model,
    outputDir: folder,
    settings: { ...defaultSettings, method: "lora", maxSteps: 6, saveSteps: 3, learningRate: 5e-3 },
    batches: paddedBatches(rows, orderedSampler(rows.length, 4), { microBatchSize: 2 }),
    ...resume,
  });
  const base = new Map<string, Float32Array>();
  for (const { name } of model.parameters) base.set(name, await model.download(name));
  await backend.dispose();
  return { ...result, base };
}

const stateFile = (step: number): string => join(folder, `checkpoint-${step}`, "trainer_state.json");
const stateAt = async (step: number): Promise<TrainerState> => JSON.parse(await readFile(stateFile(step), "utf8")) as TrainerState;

it("trains on a base in float16 as on the same numbers in float32, whatever the loss scale", async () => {
  const half = await trainTiny(await createMixedBackend("float64"), (source) => source);
  const plain = await createCpuBackend({ precision: "float64" });
  const whole = await trainTiny(plain, (source) => ({ tensors: source.tensors, readFloat32: async (name) => half.base.get(name)! }));
  // A power of two changes no bit of a float64 that is not next to 0.
  expect(half.history).toEqual(whole.history);
  expect((await stateAt(6)).loss_scale).toEqual({ value: 1, finiteSteps: 0, reports: [] });
});

it("saves the loss scale and goes on from it, with the reports that no step has heeded yet", async () => {
  const whole = await trainTiny(await createMixedBackend("float32"), (source) => source);
  const saved = await stateAt(3);
  // Steps of few targets run with less than the scale, and are no reason to raise it.
  const reports = [{ finite: true }, { finite: true }];
  expect(saved.loss_scale).toMatchObject({ value: 65536, finiteSteps: 0, reports });
  expect(saved.loss_scale!.reports.every(({ scale }) => scale < 65536 && Number.isInteger(Math.log2(scale)))).toBe(true);
  const resumed = await trainTiny(await createMixedBackend("float32"), (source) => source, { resumeFrom: join(folder, "checkpoint-3") });
  expect(resumed.history).toEqual(whole.history);

  const other = { ...saved, loss_scale: { value: 32, finiteSteps: 1997, reports: [{ scale: 32, finite: true }] } };
  await writeFile(stateFile(3), JSON.stringify(other));
  await trainTiny(await createMixedBackend("float32"), (source) => source, { resumeFrom: join(folder, "checkpoint-3") });
  expect((await stateAt(6)).loss_scale).toMatchObject({ value: 32, finiteSteps: 1999 });
});
