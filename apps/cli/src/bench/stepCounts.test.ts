import { createPlanningBackend, opTable } from "@sft/kernels";
import { listDispatches, type KernelLimits } from "@sft/kernels-webgpu";
import { findFamily, LanguageModel, type TrainingMethod, type WeightSource } from "@sft/model";
import { defaultSettings, microBatchProgram } from "@sft/trainer";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

/** A large GPU's limits, written out so that the counts are the same on every machine. */
const limits: KernelLimits = {
  maxBindingBytes: 2 ** 31 - 256,
  maxWorkgroupsPerDimension: 65535,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
  matrixUnits: true,
};

/** Claims the tensors of a config's family, and holds none of them. */
function emptyWeights(config: Readonly<Record<string, unknown>>): WeightSource {
  const family = findFamily(config);
  return {
    tensors: new Map(family.parameters(family.readConfig(config)).map((parameter) => [parameter.name, parameter])),
    readFloat32: async () => new Float32Array(0),
  };
}

interface Counts {
  readonly launches: number;
  readonly instructions: number;
  readonly kernels: number;
  /** Activations and scratch of a forward and backward pass. */
  readonly gibibytes: number;
}

async function countsOf(name: string, method: TrainingMethod, batch: number, gradientCheckpointing = false): Promise<Counts> {
  const config = JSON.parse(await readFile(new URL(`../../../../bench/models/${name}.json`, import.meta.url), "utf8")) as Record<
    string,
    unknown
  >;
  const backend = createPlanningBackend();
  const model = await LanguageModel.load({ backend, config, positions: 1024, weights: emptyWeights(config) });
  if (method === "lora") await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
  const program = microBatchProgram(
    model,
    { ...defaultSettings, method, gradientCheckpointing },
    { batch, length: 1024, supervised: batch * 683 },
  );
  const list = listDispatches(program, opTable, limits);
  const bytes = [...list.plan.slots, ...list.scratchSlots].reduce((sum, slot) => sum + slot, 0);
  return {
    launches: list.dispatches.length,
    instructions: program.instructions.length,
    kernels: new Set(list.dispatches.map(({ kernel }) => kernel)).size,
    gibibytes: Number((bytes / 2 ** 30).toFixed(2)),
  };
}

/** Costs that repeat exactly. A change that makes one grow has to say so here. */
test.each([
  ["smollm2-135m", "full", 8, false],
  ["smollm2-135m", "lora", 8, false],
  ["qwen2.5-0.5b", "lora", 8, false],
  ["llama-3.2-1b", "lora", 8, false],
  ["llama-3.1-8b", "lora", 4, true],
] as const)("launches and memory of a pass of %s, %s, %d x 1024, recomputing: %s", async (name, method, batch, recompute) => {
  expect(await countsOf(name, method, batch, recompute)).toMatchSnapshot();
});
