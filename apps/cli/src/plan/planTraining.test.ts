import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { createCpuBackend, scratchBytesOf } from "@sft/kernels-cpu";
import { createPlanningBackend, type Backend } from "@sft/kernels";
import type { KernelLimits } from "@sft/kernels-webgpu";
import { LanguageModel, type LoraConfig } from "@sft/model";
import type { TokenBatch } from "@sft/mask";
import { defaultSettings, OptimiserStep, type TrainingSettings } from "@sft/trainer";
import { expectedAdapter } from "@sft/software-gpu";
import { describe, expect, it } from "vitest";
import { gpuMemory } from "./gpuMemory.ts";
import { planTraining, type MemoryBudget, type PlanRequest } from "./planTraining.ts";

const config = JSON.parse(await readFile(join(goldenModelPath("llama"), "config.json"), "utf8")) as Record<string, unknown>;
const lora: LoraConfig = { r: 4, alpha: 8, dropout: 0, targetModules: "all-linear" };
const [rows, length] = [8, 128];

interface Case {
  readonly settings?: Partial<TrainingSettings>;
  readonly adapter?: LoraConfig;
  readonly quantise?: "nf4";
}
const cases: readonly (readonly [string, Case])[] = [
  ["full", {}],
  ["full, recomputing", { settings: { gradientCheckpointing: true } }],
  ["full, offloading", { settings: { offloadOptimiser: true } }],
  ["full with Muon", { settings: { optimiser: "muon" } }],
  ["full, the last layer alone", { settings: { trainedLayers: 1 } }],
  ["lora", { adapter: lora }],
  ["lora, recomputing", { adapter: lora, settings: { gradientCheckpointing: true } }],
  [
    "lora, with copies, and 8-bit state on the host",
    { adapter: { ...lora, modulesToSave: ["lm_head"] }, settings: { optimiser: "adamw_8bit", offloadOptimiser: true } },
  ],
  ["dora", { adapter: { ...lora, useDora: true } }],
  ["qlora", { adapter: lora, quantise: "nf4" }],
  ["qlora, recomputing", { adapter: lora, quantise: "nf4", settings: { gradientCheckpointing: true } }],
];
const settingsOf = ({ settings, adapter }: Case): TrainingSettings => ({
  ...defaultSettings,
  method: adapter ? "lora" : "full",
  maxSteps: 1,
  ...settings,
});
const planOf = (one: Case, memory: Pick<PlanRequest, "scratchOf" | "capabilities">): Promise<MemoryBudget> =>
  planTraining({
    config,
    lora: one.adapter ?? null,
    quantise: one.quantise,
    settings: settingsOf(one),
    rows,
    length,
    supervisedShare: 1,
    ...memory,
  });

/** One optimiser step on a backend, with random weights. */
async function trainStep(backend: Backend, one: Case): Promise<void> {
  const model = await LanguageModel.load({ backend, config, positions: length, ...(one.quantise ? { quantise: one.quantise } : {}) });
  if (one.adapter) await model.attachLora(one.adapter);
  const optimiser = await OptimiserStep.create(model, settingsOf(one));
  const size = rows * length;
  const batch: TokenBatch = {
    rows,
    length,
    inputIds: new Int32Array(size).fill(3),
    targets: new Int32Array(size).fill(4),
    positions: Int32Array.from({ length: size }, (_, index) => index % length),
    segments: new Int32Array(size).fill(1),
    weights: new Float32Array(size).fill(1),
    supervisedTokens: size,
    weightSum: size,
  };
  await (
    await optimiser.run([batch], 0)
  ).metrics;
}

/** A step on a CPU backend that may take so many bytes. */
async function trainWithin(memoryBytes: number, one: Case): Promise<void> {
  const backend = await createCpuBackend({ threads: 1, memoryBytes });
  try {
    await trainStep(backend, one);
  } finally {
    await backend.dispose();
  }
}

describe("a plan for the CPU", () => {
  it.each(cases)(
    "of %s is within a twentieth of what the step takes: it fits in a twentieth more, and not in a twentieth less",
    async (_, one) => {
      const plan = await planOf(one, { scratchOf: scratchBytesOf, capabilities: { partAlignment: 16 } });
      expect(plan.weights + plan.gradients + plan.optimizer + plan.activations + plan.inputs).toBe(plan.peak);
      expect(plan.host > 0).toBe(one.settings?.offloadOptimiser ?? false);
      await trainWithin(1.05 * plan.peak, one);
      await expect(trainWithin(0.95 * plan.peak, one)).rejects.toThrow(/cannot allocate \d+ bytes/);
    },
  );
});

const gpu = await expectedAdapter();
describe.skipIf(gpu.adapter === null)(`a plan for WebGPU (${gpu.adapter ?? (gpu as { reason: string }).reason})`, () => {
  const quick = ["full", "full, recomputing", "full, offloading", "lora", "qlora"];
  it.each(cases.filter(([name]) => quick.includes(name)))(
    "of %s is within a twentieth of the buffers that the device makes",
    async (_, one) => {
      const { createNodeDevice } = await import("@sft/kernels-webgpu/node");
      const { createWebGpuBackend } = await import("@sft/kernels-webgpu");
      const { device, info } = await createNodeDevice();
      const peakBytes = meterDevice(device);
      const backend = await createWebGpuBackend({ device, adapterInfo: info, ownsDevice: true });
      await trainStep(backend, one);
      await backend.dispose();
      const limits: KernelLimits = {
        maxBindingBytes: backend.capabilities.maxBindingBytes,
        maxWorkgroupsPerDimension: device.limits.maxComputeWorkgroupsPerDimension,
        maxInvocationsPerWorkgroup: device.limits.maxComputeInvocationsPerWorkgroup,
        workgroupStorageBytes: device.limits.maxComputeWorkgroupStorageSize,
      };
      const plan = await planOf(one, gpuMemory(false, limits));
      expect(Math.abs(plan.peak / peakBytes() - 1)).toBeLessThan(0.05);
    },
  );
});

const MAP_READ = 1;

/** The most bytes that a device's buffers ever took together; those that are read back through lie in the host's memory. */
function meterDevice(device: GPUDevice): () => number {
  let [bytes, peak] = [0, 0];
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if (descriptor.usage & MAP_READ) return buffer;
    bytes += descriptor.size;
    peak = Math.max(peak, bytes);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      bytes -= descriptor.size;
      return destroy();
    };
    return buffer;
  };
  return () => peak;
}

describe("planTraining", () => {
  it("counts the float16 copies of trained weights, which lie beside all of a group's where one of them is read so", async () => {
    const plain = await planOf({}, { capabilities: { halfWeights: true } });
    const mixed = await planOf({}, { capabilities: { halfWeights: true, productRoundoff: 2 ** -11 } });
    const { parameters } = await LanguageModel.load({ backend: createPlanningBackend(), config, empty: true });
    const matrices = parameters.filter(({ shape }) => shape.length === 2).reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
    expect(mixed).toEqual({ ...plain, weights: plain.weights + 2 * matrices, peak: plain.peak + 2 * matrices });
  });

  it("shows what checkpointing saves", async () => {
    const plan = (gradientCheckpointing: boolean) =>
      planTraining({
        config: { ...config, num_hidden_layers: 8 },
        lora: null,
        settings: { ...defaultSettings, method: "full", gradientCheckpointing, maxSteps: 1 },
        rows,
        length,
        supervisedShare: 0.1,
      });
    expect((await plan(true)).activations).toBeLessThan((await plan(false)).activations / 3);
  });

  it("plans a model of eight billion parameters without allocating it", async () => {
    const big = {
      ...config,
      hidden_size: 4096,
      intermediate_size: 14336,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      head_dim: 128,
      vocab_size: 128256,
      max_position_embeddings: 8192,
    };
    const before = process.memoryUsage().rss;
    const request: PlanRequest = {
      config: big,
      lora: { ...lora, r: 16 },
      settings: { ...defaultSettings, method: "lora", gradientCheckpointing: true, maxSteps: 1 },
      rows: 4,
      length: 1024,
      supervisedShare: 0.67,
    };
    const plan = await planTraining(request);
    expect(plan.weights).toBeGreaterThan(32e9);
    const mixed = await planTraining({ ...request, capabilities: { halfWeights: true, productRoundoff: 2 ** -11 } });
    expect(mixed.weights / plan.weights).toBeCloseTo(0.5, 1);
    expect(process.memoryUsage().rss - before).toBeLessThan(2e9);
  });
});
