import { createPlanningBackend, opTable, type Program } from "@sft/kernels";
import { HALF_COPIES_FROM, listDispatches, type KernelLimits } from "@sft/kernels-webgpu";
import { frozenWeightsFor, LanguageModel, type TrainingMethod } from "@sft/model";
import { defaultSettings, microBatchProgram, OptimiserStep, paddedSupervised } from "@sft/trainer";
import { readFile } from "node:fs/promises";

/** What one optimiser step of one micro batch costs a GPU, counted without one: the same numbers on every machine. */
export interface StepCounts {
  /** Kernel launches: forward and backward pass, and update. */
  readonly launches: number;
  /** Different kernels among them, and the bytes of their WGSL together. */
  readonly kernels: number;
  readonly shaderBytes: number;
  /** Weights, gradients, optimiser state, activations and scratch. */
  readonly plannedMebibytes: number;
}

/** Shapes that are counted: model, method, rows of 1024 tokens, activations computed again. */
export const countedSteps: readonly (readonly [model: string, method: TrainingMethod, rows: number, recompute?: "recompute"])[] = [
  ["smollm2-135m", "full", 8],
  ["smollm2-135m", "lora", 8],
  ["qwen2.5-0.5b", "lora", 8],
  ["llama-3.2-1b", "lora", 8],
  ["llama-3.2-1b", "full", 8],
  ["llama-3.1-8b", "lora", 4, "recompute"],
];

/** The file that holds the counts that are agreed on. */
export const stepCountsFile: URL = new URL("stepCounts.json", import.meta.url);

/** A large GPU's limits, written out so that the counts are the same on every machine. */
const limits: KernelLimits = {
  maxBindingBytes: 2 ** 31 - 256,
  maxWorkgroupsPerDimension: 65535,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
};

/** Counts all of `countedSteps` in both precisions, by a name in words. */
export async function countSteps(): Promise<Readonly<Record<string, StepCounts>>> {
  const counts: Record<string, StepCounts> = {};
  for (const precision of ["float32", "mixed"] as const) {
    for (const step of countedSteps) {
      const [model, method, rows, recompute] = step;
      counts[`${model} ${method} ${rows} x 1024${recompute ? ", recomputing" : ""}, ${precision}`] = await countStep(step, precision);
    }
  }
  return counts;
}

async function countStep(
  [name, method, rows, recompute]: (typeof countedSteps)[number],
  precision: "float32" | "mixed",
): Promise<StepCounts> {
  const file = new URL(`../../../../bench/models/${name}.json`, import.meta.url);
  const config = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  const mixed = precision === "mixed";
  const halves = { halfWeights: true, halfCopiesFrom: HALF_COPIES_FROM };
  const backend = createPlanningBackend({ partAlignment: 128, ...halves, ...(mixed ? { productRoundoff: 2 ** -11 } : {}) });
  const frozenWeights = method === "lora" ? frozenWeightsFor(backend.capabilities) : "float32";
  const model = await LanguageModel.load({ backend, config, positions: 1024, frozenWeights, empty: true });
  if (method === "lora") await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
  const settings = { ...defaultSettings, method, gradientCheckpointing: recompute !== undefined, maxSteps: 1 };
  const programs: Program[] = [];
  const { compile } = backend;
  backend.compile = async (program, bindings) => {
    programs.push(program);
    return compile(program, bindings);
  };
  const optimiser = await OptimiserStep.create(model, settings);
  const update = programs.at(-1)!;
  const pass = microBatchProgram(model, settings, { batch: rows, length: 1024, supervised: paddedSupervised(rows * 683) });
  model.bind(pass, optimiser.state);
  const lists = [pass, update].map((program) => listDispatches(program, opTable, { ...limits, matrixUnits: mixed }));
  const dispatches = lists.flatMap((list) => list.dispatches);
  const shaders = new Set(dispatches.map(({ kernel }) => kernel.wgsl));
  const workspaces = lists.map(({ plan }) => plan.activationBytes);
  return {
    launches: dispatches.length,
    kernels: shaders.size,
    shaderBytes: [...shaders].reduce((sum, { length }) => sum + length, 0),
    plannedMebibytes: Math.ceil((backend.allocatedBytes + Math.max(...workspaces)) / 2 ** 20),
  };
}
