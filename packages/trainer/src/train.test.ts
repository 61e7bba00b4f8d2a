import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAdapterFolder, openModelFolder } from "@sft/checkpoint";
import type { LoraConfig } from "@sft/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { paddedBatches } from "./batchSource.ts";
import { evaluate } from "./evaluate.ts";
import type { TrainingEvent } from "./events.ts";
import { optimisers, type OptimiserName } from "./optimisers/index.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";
import { loadTinyModel, orderedSampler, randomRows } from "./testing/tinyModel.ts";
import { train, type TrainResult } from "./train.ts";

const rows = randomRows(12, 21);
const heldOut = randomRows(5, 22);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sft-train-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Run extends TrainResult {
  readonly events: readonly TrainingEvent[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Trains a fresh model on a fresh backend, as a new process would. */
async function run(
  settings: Partial<TrainingSettings>,
  options: {
    resumeFrom?: string;
    signal?: AbortSignal;
    lora?: Partial<LoraConfig>;
    onStep?: (step: number) => void;
    dropout?: number;
    threads?: number;
  } = {},
): Promise<Run> {
  const method = settings.method ?? "lora";
  const model = await loadTinyModel({
    lora: method === "lora" ? (options.lora ?? true) : false,
    dropout: options.dropout ?? 0,
    threads: options.threads ?? 1,
  });
  const events: TrainingEvent[] = [];
  try {
    const result = await train({
      model,
      heldOut,
      outputDir: folder,
      baseModel: "tiny",
      settings: { ...defaultSettings, maxSteps: 6, learningRate: 5e-3, warmupSteps: 1, method, ...settings },
      batches: paddedBatches(rows, orderedSampler(rows.length, 4), { microBatchSize: 2 }),
      onEvent: (event) => {
        events.push(event);
        if (event.type === "step") options.onStep?.(event.step);
      },
      ...(options.resumeFrom ? { resumeFrom: options.resumeFrom } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const weights = new Map<string, Float32Array>();
    for (const { name } of model.trainableParameters(method)) weights.set(name, await model.download(name));
    return { ...result, events, weights };
  } finally {
    await model.backend.dispose();
  }
}

function losses({ history }: TrainResult): readonly number[] {
  return history.flatMap((entry) => (entry.loss === undefined ? [] : [entry.loss]));
}

describe("train", () => {
  it("lowers the loss and reports every step, both evaluations and the checkpoint", async () => {
    const { events, checkpoint } = await run({ maxSteps: 12, method: "full" });
    const steps = events.filter((event) => event.type === "step");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss - 1);
    expect(steps.every(({ tokens, supervisedTokens, gradNorm }) => tokens > supervisedTokens && supervisedTokens > 0 && gradNorm > 0)).toBe(
      true,
    );
    // Each step is timed by itself: together they take no longer than the run, and none is a rounding of nothing.
    const end = events.find((event) => event.type === "end")!;
    expect(steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeLessThanOrEqual(end.milliseconds);
    expect(Math.min(...steps.map(({ milliseconds }) => milliseconds))).toBeGreaterThan(0.5);
    expect(events.filter(({ type }) => type === "evaluation")).toHaveLength(2);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(["start", "saved", "end"]));
    expect(checkpoint).toBe(join(folder, "checkpoint-12"));
  });

  it.each(["lora", "full"] as const)("resumes exactly (%s): k + m steps equal k, save, load, m, bit for bit", async (method) => {
    const whole = await run({ method, maxSteps: 6 }, { dropout: 0.1 });
    await run({ method, maxSteps: 6, saveSteps: 3 }, { dropout: 0.1 });
    const resumed = await run({ method, maxSteps: 6 }, { dropout: 0.1, resumeFrom: join(folder, "checkpoint-3") });
    expect(losses(resumed)).toEqual(losses(whole));
    expect(losses(resumed)).toHaveLength(6);
    for (const [name, weights] of whole.weights) expect(resumed.weights.get(name), name).toEqual(weights);
  });

  it.each(Object.keys(optimisers) as OptimiserName[])("learns with %s and resumes it exactly, its whole state saved", async (optimiser) => {
    const settings = {
      optimiser,
      method: "full",
      maxSteps: 6,
      learningRate: { sgd: 0.1, lion: 1e-3 }[optimiser as string] ?? 5e-3,
    } as const;
    const whole = await run({ ...settings, saveSteps: 3 });
    await rm(join(folder, "checkpoint-6"), { recursive: true });
    const resumed = await run(settings, { resumeFrom: join(folder, "checkpoint-3") });
    expect(losses(resumed)).toEqual(losses(whole));
    for (const [name, weights] of whole.weights) expect(resumed.weights.get(name), name).toEqual(weights);
    expect(losses(whole).at(-1)).toBeLessThan(losses(whole)[0]! - 0.1);
  });

  it("draws noise for the embeddings by seed and step: the same run twice, another seed another run, none in evaluation", async () => {
    const noisy = { maxSteps: 4, neftuneAlpha: 5 };
    const [whole, other, plain] = [await run({ ...noisy, saveSteps: 2 }), await run({ ...noisy, seed: 1 }), await run({ maxSteps: 4 })];
    const firstEvaluation = ({ history }: TrainResult): number | undefined => history[0]!.eval_loss;
    expect(firstEvaluation(whole)).toBe(firstEvaluation(plain));
    expect(losses(whole)[0]).not.toBe(losses(plain)[0]);
    expect(losses(whole)[0]).not.toBe(losses(other)[0]);
    await run({ ...noisy, saveSteps: 2 });
    expect(losses(await run(noisy, { resumeFrom: join(folder, "checkpoint-2") }))).toEqual(losses(whole));
  });

  it("saves whole copies of modules beside the pairs, and resumes them exactly", async () => {
    const lora = { targetModules: ["q_proj", "embed_tokens"], modulesToSave: ["lm_head", "norm"] };
    const whole = await run({ maxSteps: 4, saveSteps: 2 }, { lora });
    const adapter = await openAdapterFolder(join(folder, "checkpoint-2"));
    expect(adapter.config.modules_to_save).toEqual(["model.norm", "lm_head"]);
    expect([...adapter.tensors.tensors.keys()]).toEqual(
      expect.arrayContaining([
        "base_model.model.lm_head.weight",
        "base_model.model.model.norm.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A",
      ]),
    );
    await adapter.close();
    const resumed = await run({ maxSteps: 4 }, { lora, resumeFrom: join(folder, "checkpoint-2") });
    expect(losses(resumed)).toEqual(losses(whole));
  });

  it("refuses to resume another optimiser's state", async () => {
    await run({ maxSteps: 2, saveSteps: 1 });
    await expect(run({ maxSteps: 2, optimiser: "sgd" }, { resumeFrom: join(folder, "checkpoint-1") })).rejects.toThrow(
      /has no tensor momentum_buffer\.[\s\S]*another optimiser/,
    );
    await expect(run({ maxSteps: 2, optimiser: "adam" as never })).rejects.toThrow('optimiser "adam" is not known\nClosest: adamw');
    await expect(run({ maxSteps: 2, schedule: "cosin" as never })).rejects.toThrow('schedule "cosin" is not known\nClosest: cosine');
    await expect(run({ maxSteps: 2, loraPlusRatio: 0 })).rejects.toThrow("loraPlusRatio must be positive, got 0");
  });

  it("gives the same bits with one thread and with two", async () => {
    const [one, two] = [await run({ maxSteps: 3 }, { threads: 1 }), await run({ maxSteps: 3 }, { threads: 2 })];
    expect(losses(two)).toEqual(losses(one));
    for (const [name, weights] of one.weights) expect(two.weights.get(name), name).toEqual(weights);
  });

  it.each(["lora", "full"] as const)("gives the same bits with gradient checkpointing (%s)", async (method) => {
    const [plain, recomputed] = [
      await run({ method, maxSteps: 3 }, { dropout: 0.1 }),
      await run({ method, maxSteps: 3, gradientCheckpointing: true }, { dropout: 0.1 }),
    ];
    expect(losses(recomputed)).toEqual(losses(plain));
    for (const [name, weights] of plain.weights) expect(recomputed.weights.get(name), name).toEqual(weights);
  });

  it("writes adapter folders and model folders that read back", async () => {
    await run({ maxSteps: 2 });
    const adapter = await openAdapterFolder(join(folder, "checkpoint-2"));
    expect(adapter.config).toMatchObject({ r: 4, lora_alpha: 8, base_model_name_or_path: "tiny" });
    expect([...adapter.tensors.tensors.keys()]).toContain("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
    await adapter.close();
    await run({ maxSteps: 1, method: "full" });
    const model = await openModelFolder(join(folder, "checkpoint-1"));
    expect(model.config.model_type).toBe("llama");
    expect(model.tensors.tensors.has("lm_head.weight")).toBe(true);
    await model.close();
  });

  it("writes trainer_state.json with the field names of transformers", async () => {
    await run({ maxSteps: 2 });
    const state = JSON.parse(await readFile(join(folder, "checkpoint-2/trainer_state.json"), "utf8")) as Record<string, unknown>;
    expect(state).toMatchObject({ global_step: 2, max_steps: 2 });
    expect(state.log_history).toContainEqual(
      expect.objectContaining({ step: 2, loss: expect.any(Number), grad_norm: expect.any(Number), learning_rate: expect.any(Number) }),
    );
  });

  it("stops at its signal, saves, and can go on from there", async () => {
    const stop = new AbortController();
    const whole = await run({ maxSteps: 6 });
    await rm(folder, { recursive: true });
    const stopped = await run({ maxSteps: 6 }, { signal: stop.signal, onStep: (step) => step === 2 && stop.abort() });
    expect(stopped).toMatchObject({ aborted: true });
    expect(await readdir(folder)).toEqual([`checkpoint-${stopped.step}`]);
    const resumed = await run({ maxSteps: 6 }, { resumeFrom: stopped.checkpoint! });
    expect(losses(resumed)).toEqual(losses(whole));
  });

  it("hears a signal that comes between steps, though nothing else lets the event loop turn", async () => {
    const stop = new AbortController();
    const onStep = (step: number): void => void (step === 1 && setImmediate(() => stop.abort()));
    expect(await run({ maxSteps: 6 }, { signal: stop.signal, onStep })).toMatchObject({ step: 2, aborted: true });
    expect(await readdir(folder)).toEqual(["checkpoint-2"]);
  });

  it("refuses a checkpoint of another shape and settings that make no sense, by name", async () => {
    await run({ maxSteps: 1, method: "full" });
    await expect(run({ maxSteps: 2 }, { resumeFrom: join(folder, "checkpoint-1") })).rejects.toThrow(/adapter_config\.json/);
    await expect(run({ maxSteps: 2, method: "full" }, { resumeFrom: join(folder, "checkpoint-9") })).rejects.toThrow(/trainer_state\.json/);
    for (const [text, says] of [
      ["{", /trainer_state\.json is no JSON: .*\n.*earlier checkpoint/],
      ["null", /trainer_state\.json has no global_step, log_history or sampler/],
      ['{"global_step": 1, "sampler": {}}', /has no global_step, log_history or sampler/],
    ] as const) {
      await writeFile(join(folder, "checkpoint-1", "trainer_state.json"), text);
      await expect(run({ maxSteps: 2, method: "full" }, { resumeFrom: join(folder, "checkpoint-1") })).rejects.toThrow(says);
    }
    await expect(run({ maxSteps: 0 })).rejects.toThrow("maxSteps must be a positive integer, got 0");
    await expect(run({ learningRate: Number.NaN })).rejects.toThrow("learningRate must be 0 or more, got NaN");
  });
});

describe("evaluate", () => {
  it("weighs tokens, not batches: any batch size gives the same loss", async () => {
    const model = await loadTinyModel();
    const whole = await evaluate(model, rows, { batchSize: 12 });
    for (const batchSize of [1, 5]) {
      const { loss, supervisedTokens } = await evaluate(model, rows, { batchSize });
      // float32 rounding of a sum of about 100 cross-entropies near 6.
      expect(Math.abs(loss - whole.loss)).toBeLessThan(1e-5);
      expect(supervisedTokens).toBe(whole.supervisedTokens);
    }
    await model.backend.dispose();
  });

  it("hears its signal between batches, and the run that it was part of ends in order", async () => {
    const model = await loadTinyModel({ lora: true });
    const many = Array.from({ length: 50 }, () => rows).flat();
    const aborting = (): AbortSignal => {
      const controller = new AbortController();
      setImmediate(() => controller.abort());
      return controller.signal;
    };
    await expect(evaluate(model, many, { batchSize: 1, signal: aborting() })).rejects.toMatchObject({ name: "AbortError" });
    const types: string[] = [];
    const result = await train({
      model,
      settings: { ...defaultSettings, maxSteps: 2 },
      batches: paddedBatches(rows, orderedSampler(rows.length, 4), { microBatchSize: 4 }),
      heldOut: many,
      evaluation: { batchSize: 1 },
      signal: aborting(),
      onEvent: ({ type }) => void types.push(type),
    });
    expect(result).toMatchObject({ step: 0, aborted: true, history: [] });
    expect(types).toEqual(["start", "end"]);
    await model.backend.dispose();
  });
});
