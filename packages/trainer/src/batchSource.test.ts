import { goldenModelPath } from "@sft/golden";
import { openModelFolder } from "@sft/checkpoint";
import { createCpuBackend } from "@sft/kernels-cpu";
import type { TokenBatch } from "@sft/mask";
import { LanguageModel } from "@sft/model";
import { expect, it } from "vitest";
import { packedBatches, paddedBatches, type BatchSource } from "./batchSource.ts";
import { OptimiserStep } from "./optimiserStep.ts";
import { defaultSettings } from "./settings.ts";
import { orderedSampler, randomRows } from "./testing/tinyModel.ts";

const rows = randomRows(12, 21);
const tokensOf = (batches: readonly TokenBatch[]): number[] =>
  batches.flatMap(({ inputIds, segments }) => Array.from(inputIds).filter((_, index) => segments[index]! > 0)).sort((a, b) => a - b);

it("packs every token of a step once, into rows of one length", () => {
  const padded = paddedBatches(rows, orderedSampler(rows.length, 6), { microBatchSize: 2 });
  const packed = packedBatches(rows, orderedSampler(rows.length, 6), { microBatchSize: 2, length: 32 });
  for (let step = 0; step < 2; step++) {
    const [apart, together] = [padded.next(), packed.next()];
    expect(tokensOf(together)).toEqual(tokensOf(apart));
    expect(together.every(({ length, rows: count }) => length === 32 && count <= 2)).toBe(true);
    const places = (batches: readonly TokenBatch[]): number => batches.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
    expect(places(together)).toBeLessThan(places(apart));
  }
  expect(packed.epoch).toBe(padded.epoch);
});

it("gives packed steps the loss and the gradients of padded ones", async () => {
  await using folder = await openModelFolder(goldenModelPath("llama"));
  const run = async (source: BatchSource): Promise<{ readonly loss: number; readonly gradNorm: number }[]> => {
    const backend = await createCpuBackend({ precision: "float64" });
    const model = await LanguageModel.load({ backend, config: folder.config, weights: folder.tensors });
    const step = await OptimiserStep.create(model, { ...defaultSettings, method: "full", maxSteps: 2 });
    const figures = [];
    for (let index = 0; index < 2; index++) figures.push(await (await step.run(source.next(), index)).metrics);
    await backend.dispose();
    return figures;
  };
  const padded = await run(paddedBatches(rows, orderedSampler(rows.length, 6), { microBatchSize: 2 }));
  const packed = await run(packedBatches(rows, orderedSampler(rows.length, 6), { microBatchSize: 2, length: 32 }));
  // The same sums in float64, in another order.
  padded.forEach(({ loss, gradNorm }, step) => {
    expect(Math.abs(packed[step]!.loss / loss - 1)).toBeLessThan(1e-12);
    expect(Math.abs(packed[step]!.gradNorm / gradNorm - 1)).toBeLessThan(1e-10);
  });
});
