import { openModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { opTable, planMemory } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { LanguageModel } from "@sft/model";
import { padBatch } from "@sft/mask";
import { describe, expect, it } from "vitest";
import { OptimiserStep } from "./optimiserStep.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";
import { microBatchProgram, stateNames } from "./stepPrograms.ts";
import { randomRows } from "./testing/tinyModel.ts";

const settings: TrainingSettings = { ...defaultSettings, method: "lora", maxSteps: 4 };

/** The two-layer golden Llama with a LoRA on every linear layer. */
async function load(quantise: boolean): Promise<LanguageModel> {
  const folder = await openModelFolder(goldenModelPath("llama"));
  const model = await LanguageModel.load({
    backend: await createCpuBackend({ threads: 1 }),
    config: folder.config,
    weights: folder.tensors,
    ...(quantise ? { quantise: "nf4" as const } : {}),
  });
  await folder.close();
  await model.attachLora({ r: 4, alpha: 8, dropout: 0, targetModules: "all-linear" }, { seed: 3 });
  return model;
}

async function accumulated(model: LanguageModel, change: Partial<TrainingSettings> = {}): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const step = await OptimiserStep.create(model, { ...settings, ...change });
  await step.accumulate([padBatch(randomRows(3, 7))], 0);
  const results = new Map<string, ArrayLike<number>>();
  for (const name of [stateNames.loss, ...step.parameters.map((parameter) => stateNames.gradient(parameter.name))])
    results.set(name, await model.backend.download(step.state.get(name)!));
  step.dispose();
  return results;
}

describe("QLoRA", () => {
  it("gives the bits of LoRA on the unpacked weights, with and without gradient checkpointing", async () => {
    const [quantised, unpacked] = [await load(true), await load(false)];
    for (const name of quantised.quantised) unpacked.backend.upload(unpacked.buffers.get(name)!, await quantised.download(name));
    expect(quantised.quantised.size).toBe(14);
    const expected = await accumulated(unpacked);
    expect(await accumulated(quantised)).toEqual(expected);
    expect(await accumulated(quantised, { gradientCheckpointing: true })).toEqual(expected);
    await quantised.backend.dispose();
    await unpacked.backend.dispose();
  });

  it("unpacks each weight once forward and once backward, and holds one at a time", async () => {
    const model = await load(true);
    const shape = { batch: 1, length: 16, supervised: 32 };
    const program = microBatchProgram(model, settings, shape);
    const unpacking = program.instructions.flatMap(({ op, outputs }, index) =>
      op === "dequantizeNf4" ? [{ index, output: outputs[0]! }] : [],
    );
    // The first layer's q, k and v need no gradient by their input, so nothing below them is read again.
    expect(unpacking).toHaveLength(14 + 14 - 3);
    const readers = ({ output }: { readonly output: number }): readonly number[] =>
      program.instructions.flatMap(({ inputs }, index) => (inputs.includes(output) ? [index] : []));
    for (const one of unpacking) expect(readers(one)).toEqual([one.index + 1]);
    const plain = await load(false);
    const weightBytes = Math.max(
      ...model.parameters.filter(({ kind }) => kind === "linear").map(({ shape: [rows, columns] }) => 4 * rows! * columns!),
    );
    const [peak, without] = [program, microBatchProgram(plain, settings, shape)].map((one) => planMemory(one, opTable).lowerBoundBytes) as [
      number,
      number,
    ];
    expect(peak).toBeLessThanOrEqual(without + weightBytes);
    await expect(OptimiserStep.create(model, { ...settings, method: "full" })).rejects.toThrow(
      "weights in 4 bits cannot be trained themselves",
    );
    await model.backend.dispose();
    await plain.backend.dispose();
  });
});
