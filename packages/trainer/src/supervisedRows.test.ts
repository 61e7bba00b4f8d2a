import { openModelFolder } from "@sft/checkpoint";
import { goldenFamilies, goldenModelPath } from "@sft/golden";
import type { HostArray, Program } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { padBatch, type TokenBatch } from "@sft/mask";
import { LanguageModel } from "@sft/model";
import { relativeL2 } from "@sft/kernels/testing";
import { describe, expect, it } from "vitest";
import { leavesUnsupervised, lossInputs, microBatchInputs, paddedSupervised, shapeOf, type MicroBatchShape } from "./microBatch.ts";
import { evaluationProgram, microBatchProgram } from "./stepPrograms.ts";
import { randomRows } from "./testing/tinyModel.ts";

/** Seven rows of up to 23 tokens, of which the first third and the padding are not trained. */
const batch: TokenBatch = padBatch(randomRows(7, 8));
const shape = shapeOf(batch);
const tokens = batch.rows * batch.length;
/** With as many rows for the loss as there are tokens, the head alone picks the supervised ones. */
const allRows: MicroBatchShape = { ...shape, supervised: tokens };

async function load(family: string, lora: boolean): Promise<LanguageModel> {
  await using folder = await openModelFolder(goldenModelPath(family));
  const backend = await createCpuBackend({ precision: "float64", threads: 1 });
  const model = await LanguageModel.load({ backend, config: folder.config, weights: folder.tensors });
  if (!lora) return model;
  const layout = await model.attachLora({ r: 3, alpha: 6, dropout: 0, targetModules: "all-linear", useDora: true }, { seed: 3 });
  // B starts at 0, and with it the gradient of A would be.
  for (const { b } of layout.modules.values()) {
    const values = Float64Array.from({ length: b.shape[0]! * b.shape[1]! }, (_, index) => 0.1 * Math.sin(index));
    backend.upload(model.buffers.get(b.name)!, values);
  }
  return model;
}

/** The loss and all gradients that a program over the batch writes. */
async function run(model: LanguageModel, program: Program): Promise<ReadonlyMap<string, HostArray>> {
  const { bindings, made } = model.bind(program);
  const inputs = new Map(microBatchInputs(batch, 1));
  const alone = program.tensors.some(({ name }) => name === "rows");
  if (!alone) {
    const padded = <T extends HostArray>(data: T, filled: T): T => (filled.set(data as never), filled);
    inputs.set(lossInputs.rows, padded(inputs.get("rows") as Int32Array, new Int32Array(tokens).fill(-1)));
    inputs.set(lossInputs.targets, padded(inputs.get(lossInputs.targets) as Int32Array, new Int32Array(tokens)));
    inputs.set(lossInputs.weights, padded(inputs.get(lossInputs.weights) as Float32Array, new Float32Array(tokens)));
  }
  for (const [name, data] of inputs) if (made.has(name)) model.backend.upload(made.get(name)!, data);
  model.backend.run(await model.backend.compile(program, bindings));
  const written = [...made].filter(([name]) => name.startsWith("gradient.") || /loss$/.test(name));
  return new Map(await Promise.all(written.map(async ([name, buffer]) => [name, await model.backend.download(buffer)] as const)));
}

describe.each(goldenFamilies())("%s, after the last attention on supervised rows alone,", (family) => {
  it.each([
    ["full", false],
    ["lora", true],
  ] as const)("has the loss and the gradients of all rows: %s", async (method, gradientCheckpointing) => {
    const model = await load(family, method === "lora");
    const program = (of: MicroBatchShape): Program => microBatchProgram(model, { method, gradientCheckpointing }, of);
    const [alone, all] = [program(shape), program(allRows)];
    expect(alone.instructions.filter(({ op }) => op === "gatherRows" || op === "scatterRows")).toHaveLength(4);
    expect(all.instructions.some(({ op }) => op === "gatherRows")).toBe(false);
    const [actual, expected] = [await run(model, alone), await run(model, all)];
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    // Float64 sums in the order of the rows, out of which only terms of 0 are left.
    for (const [name, values] of expected) {
      expect(
        values.some((value) => value !== 0),
        name,
      ).toBe(true);
      expect(relativeL2(actual.get(name)!, values), name).toBe(0);
    }
    const [evaluated, ofAll] = await Promise.all([shape, allRows].map((of) => run(model, evaluationProgram(model, of))));
    expect(evaluated!.get("loss")![0]).toBe(ofAll!.get("loss")![0]!);
    await model.backend.dispose();
  });
});

it("keeps all rows where a sixteenth at most is not supervised", () => {
  expect(leavesUnsupervised(shape)).toBe(true);
  expect([960, 961].map((supervised) => leavesUnsupervised({ batch: 1, length: 1024, supervised }))).toEqual([true, false]);
});

it("pads many supervised rows to whole tiles, by a sixteenth of them at most, and few to a multiple of 32", () => {
  expect([0, 1, 33, 1023, 1024, 1025, 2047, 2048, 2732].map(paddedSupervised)).toEqual([32, 32, 64, 1024, 1024, 1088, 2048, 2048, 2816]);
});
