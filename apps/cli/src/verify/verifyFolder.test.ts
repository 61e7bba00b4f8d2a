import { goldenFamilies, goldenModelPath } from "@sft/golden";
import { createCpuBackend } from "@sft/kernels-cpu";
import type { Backend } from "@sft/kernels";
import { families } from "@sft/model";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyFolder } from "./verifyFolder.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await createCpuBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

/**
 * The bounds are the project's promise for float32 on a CPU: a float32 sum of a few hundred terms is off by some 1e-6 of its
 * norm, several layers deep; what is measured is printed by `sft verify` and lies ten times lower.
 */
describe("PyTorch's golden folders on the CPU backend", () => {
  it.each(goldenFamilies())("%s: logits, loss, all gradients, greedy tokens, adapters and 24 optimiser steps", async (family) => {
    const result = await verifyFolder(goldenModelPath(family), backend);
    expect(result.refused).toBeUndefined();
    expect(result.logits!.relL2).toBeLessThanOrEqual(1e-5);
    expect(Math.abs(result.loss!.actual - result.loss!.expected)).toBeLessThanOrEqual(1e-5);
    expect(result.grads!.worst.relL2, result.grads!.worst.name).toBeLessThanOrEqual(1e-4);
    expect(result.greedy).toEqual({ match: true });
    for (const adapter of [result.lora, result.rslora, result.dora]) {
      if (!adapter) continue;
      expect(adapter.logits.relL2).toBeLessThanOrEqual(1e-5);
      expect(adapter.grads.worst.relL2, adapter.grads.worst.name).toBeLessThanOrEqual(1e-4);
    }
    expect(result.lora).toBeDefined();
    for (const steps of [result.trajectory!.full!, result.trajectory!.lora!]) {
      expect(steps.maxLossDiff).toBeLessThanOrEqual(2e-3);
      expect(steps.maxGradNormRelDiff).toBeLessThanOrEqual(1e-2);
    }
    expect(result.pass).toBe(true);
  });

  /** The same backend, but it says that its products round to float16, so that a loss scale is on. */
  const rounding = (halfWeights: boolean): Backend =>
    Object.create(backend, { capabilities: { value: { ...backend.capabilities, halfWeights, productRoundoff: 2 ** -11 } } }) as Backend;

  it.each(["llama", "gpt2"])("%s keeps to PyTorch with a base in float16 under its adapters", async (family) => {
    const { pass, lora, trajectory } = await verifyFolder(goldenModelPath(family), rounding(true));
    expect(pass).toBe(true);
    // Two layers of rounded weights are felt, and cost no more than the weights' own rounding a few times over.
    expect(lora!.logits.relL2).toBeGreaterThan(2 ** -14);
    expect(lora!.logits.relL2).toBeLessThan(2 * 2 ** -11);
    expect(trajectory!.lora!.maxLossDiff).toBeLessThan(2e-3);
    // The same weights in float16, as copies of those that are trained: felt, and within what is allowed to them under an adapter.
    expect(trajectory!.full!.maxLossDiff).toBeGreaterThan(1e-5);
    expect(trajectory!.full!.maxLossDiff).toBeLessThan(2e-3);
  });

  it.each(["llama", "gpt2"])("%s keeps to PyTorch in float32 with a loss scale", async (family) => {
    const { pass, trajectory } = await verifyFolder(goldenModelPath(family), rounding(false));
    expect(pass).toBe(true);
    expect(trajectory!.full!.maxLossDiff).toBeLessThan(1e-5);
    expect(trajectory!.lora!.maxLossDiff).toBeLessThan(1e-5);
  });

  it("cover every family of the table", async () => {
    const configs = await Promise.all(goldenFamilies().map((name) => readFile(join(goldenModelPath(name), "config.json"), "utf8")));
    const covered = new Set(configs.map((text) => (JSON.parse(text) as { model_type: string }).model_type));
    expect(families.map(({ modelType }) => modelType).filter((type) => !covered.has(type))).toEqual([]);
  });
});
