import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openModelFolder } from "@sft/checkpoint";
import { goldenModelPath } from "@sft/golden";
import { createPlanningBackend, elementCount, type Program } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { LanguageModel } from "@sft/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { paddedBatches } from "./batchSource.ts";
import { restoreCheckpoint } from "./checkpoint.ts";
import { halfCopies } from "./halfCopies.ts";
import { OptimiserStep } from "./optimiserStep.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";
import { evaluationProgram } from "./stepPrograms.ts";
import { roundingBackend } from "./testing/roundingBackend.ts";
import { orderedSampler, randomRows } from "./testing/tinyModel.ts";
import { train } from "./train.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sft-copies-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settings: TrainingSettings = { ...defaultSettings, method: "full", maxSteps: 6, saveSteps: 3, learningRate: 5e-3 };

/** Types of the parameters that the instructions of some ops read. */
const dtypesRead = ({ instructions, tensors }: Program, ops: RegExp): ReadonlySet<string> =>
  new Set(
    instructions
      .filter(({ op }) => ops.test(op))
      .flatMap(({ inputs }) => inputs.map((index) => tensors[index]!))
      .flatMap(({ role, dtype }) => (role === "parameter" ? [dtype] : [])),
  );

/** Batches of two micro batches each. */
function batchesOf() {
  const rows = randomRows(12, 21);
  return paddedBatches(rows, orderedSampler(rows.length, 4), { microBatchSize: 2 });
}

async function loadTiny(family: string, holdsHalves: boolean, compiled?: Program[]): Promise<LanguageModel> {
  const backend = roundingBackend(await createCpuBackend({ threads: 1 }), holdsHalves, compiled);
  await using source = await openModelFolder(goldenModelPath(family));
  return await LanguageModel.load({ backend, config: source.config, weights: source.tensors });
}

/** Trains the golden model and gives what was reported, and every parameter. */
async function trainTiny(
  family: string,
  holdsHalves: boolean,
  options: { readonly resumeFrom?: string; readonly compiled?: Program[] } = {},
) {
  const { compiled, ...resume } = options;
  const model = await loadTiny(family, holdsHalves, compiled);
  const { history } = await train({ model, settings, outputDir: folder, batches: batchesOf(), ...resume });
  const parameters = new Map<string, Float32Array>();
  for (const { name } of model.parameters) parameters.set(name, await model.download(name));
  await model.backend.dispose();
  return { history, parameters };
}

describe("float16 copies of trained weights", () => {
  it.each([
    ["llama", "a head of its own"],
    ["gpt2", "the embeddings for a head"],
  ])("%s, with %s, trains to the same bits as with its weights rounded in every pass", async (family) => {
    const compiled: Program[] = [];
    const copied = await trainTiny(family, true, { compiled });
    expect(await trainTiny(family, false)).toEqual(copied);
    const passes = compiled.filter(({ name }) => name === "micro-batch");
    expect(passes.length).toBeGreaterThan(1);
    for (const pass of passes) {
      for (const ops of [/^matmul$/, /^linearCrossEntropy$/, /^linearCrossEntropyGrad$/, /^linearCrossEntropyWeightGrad$/])
        expect([...dtypesRead(pass, ops)], ops.source).toEqual(["f16"]);
      expect([...dtypesRead(pass, /^embedding$/)]).toEqual(["f32"]);
    }
  });

  it("are made again of the parameters that a checkpoint holds", async () => {
    const whole = await trainTiny("llama", true);
    const checkpoint = join(folder, "checkpoint-3");
    expect(await trainTiny("llama", true, { resumeFrom: checkpoint })).toEqual(whole);

    const model = await loadTiny("llama", true);
    const batches = batchesOf();
    const steps = Array.from({ length: 4 }, () => batches.next());
    const optimiser = await OptimiserStep.create(model, settings);
    await (
      await optimiser.run(steps[0]!, 0)
    ).metrics;
    await restoreCheckpoint(checkpoint, model, "full", optimiser);
    const { loss } = await (await optimiser.run(steps[3]!, 3)).metrics;
    expect(loss).toBe(whole.history.find(({ step }) => step === 4)!.loss);
    optimiser.dispose();
    await model.backend.dispose();
  });

  it("are held of what linear layers and the head read, where AdamW writes them and products round weights anyway", async () => {
    await using source = await openModelFolder(goldenModelPath("llama"));
    const backend = createPlanningBackend({ halfWeights: true, productRoundoff: 2 ** -11 });
    const model = await LanguageModel.load({ backend, config: source.config, empty: true });
    const { parameters } = model;
    const copied = (
      changes: Partial<TrainingSettings> = {},
      { head = "lm_head.weight", capabilities = backend.capabilities } = {},
    ): readonly string[] => [...halfCopies(parameters, head, { ...settings, ...changes }, capabilities).keys()];
    const layers = parameters.filter(({ name }) => name.includes("_proj.")).map(({ name }) => name);
    expect(layers.length).toBe(14);
    expect(copied()).toEqual([...layers, "lm_head.weight"]);
    expect(copied({}, { head: "model.embed_tokens.weight" })).toEqual(["model.embed_tokens.weight", ...layers]);
    for (const optimiser of ["sgd", "lion", "adafactor"] as const) expect(copied({ optimiser })).toEqual([]);
    expect(copied({ optimiser: "muon" })).toEqual(["lm_head.weight"]);
    expect(copied({ offloadOptimiser: true })).toEqual([]);
    expect(copied({ method: "lora" })).toEqual([]);
    expect(copied({}, { capabilities: { ...backend.capabilities, productRoundoff: 2 ** -24 } })).toEqual([]);
    expect(copied({}, { capabilities: { ...backend.capabilities, halfWeights: false } })).toEqual([]);
    const largest = Math.max(...parameters.filter(({ name }) => layers.includes(name)).map(({ shape }) => elementCount(shape)));
    const from = (halfCopiesFrom: number): readonly string[] => copied({}, { capabilities: { ...backend.capabilities, halfCopiesFrom } });
    expect(from(largest)).toEqual(copied());
    expect(from(largest + 1)).toEqual([]);
    expect([...dtypesRead(evaluationProgram(model, { batch: 2, length: 8, supervised: 4 }), /./)]).toEqual(["f32"]);
  });
});
