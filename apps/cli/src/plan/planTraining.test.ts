import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { createCpuBackend, scratchBytesOf } from "@sft/kernels-cpu";
import { LanguageModel, type LoraConfig } from "@sft/model";
import type { TokenBatch } from "@sft/mask";
import { defaultSettings, OptimiserStep, type TrainingSettings } from "@sft/trainer";
import { describe, expect, it } from "vitest";
import { meterBackend } from "../bench/meteredBackend.ts";
import { planTraining, type PlanRequest } from "./planTraining.ts";

const config = JSON.parse(await readFile(join(goldenModelPath("llama"), "config.json"), "utf8")) as Record<string, unknown>;
const lora: LoraConfig = { r: 4, alpha: 8, dropout: 0, targetModules: "all-linear" };
const [rows, length] = [8, 128];

/** What one step really took: buffers and scratch of a metered backend. */
async function measure(settings: TrainingSettings, adapter: LoraConfig | null): Promise<number> {
  const { backend, peakBytes } = meterBackend(await createCpuBackend({ threads: 1 }));
  const model = await LanguageModel.load({ backend, config, positions: length });
  if (adapter) await model.attachLora(adapter);
  const optimiser = await OptimiserStep.create(model, settings);
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
  await backend.dispose();
  return peakBytes();
}

describe("planTraining", () => {
  it.each([
    ["full", null, false],
    ["full", null, true],
    ["lora", lora, false],
    ["lora", lora, true],
  ] as const)(
    "is within 5 %% of what a %s step then takes (adapter %o, checkpointing %s)",
    async (method, adapter, gradientCheckpointing) => {
      const settings: TrainingSettings = { ...defaultSettings, method, gradientCheckpointing, maxSteps: 1 };
      const plan = await planTraining({ config, lora: adapter, settings, rows, length, supervisedShare: 1, scratchOf: scratchBytesOf });
      const taken = await measure(settings, adapter);
      expect(Math.abs(plan.peak - taken) / taken).toBeLessThan(0.05);
      expect(plan.weights + plan.gradients + plan.optimizer + plan.activations + plan.inputs).toBe(plan.peak);
    },
  );

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
