import { generate, inputNames, type LanguageModel, type TrainingMethod } from "@sft/model";
import { padBatch, shiftTargets, type TokenBatch } from "@sft/mask";
import { defaultSettings, OptimiserStep, stateNames, type TrainingSettings } from "@sft/trainer";
import type { GoldenBatch, GoldenCase, GoldenSteps, GoldenTrajectory } from "./goldenCase.ts";

export interface CaseComparison {
  readonly logits: { readonly relL2: number };
  readonly loss: { readonly expected: number; readonly actual: number };
  readonly grads: { readonly count: number; readonly worst: { readonly name: string; readonly relL2: number } };
}

export interface TrajectoryComparison {
  readonly maxLossDiff: number;
  readonly maxGradNormRelDiff: number;
}

/** Logits, loss and every gradient of one case. */
export async function compareCase(model: LanguageModel, golden: GoldenCase, method: TrainingMethod): Promise<CaseComparison> {
  const logits = await computeLogits(model, golden.batch);
  const optimiser = await OptimiserStep.create(model, { ...defaultSettings, method, maxSteps: 1 });
  try {
    const scale = await optimiser.accumulate([toTokenBatch(golden.batch)], 0);
    const [actual] = await model.backend.download(optimiser.state.get(stateNames.loss)!);
    let worst = { name: "", relL2: -1 };
    // Where the mathematics gives 0 (the bias of keys without rope), both sides hold rounding errors of the sums above: as a share of themselves they say nothing.
    const whole = Math.hypot(...[...golden.gradients.values()].map(norm));
    const floor = (expected: Float32Array): number => (norm(expected) < 2 ** -24 * whole ? whole : 0);
    for (const [name, expected] of golden.gradients) {
      const buffer = optimiser.state.get(stateNames.gradient(model.family.aliases?.[name] ?? name));
      // A gradient that this implementation does not compute counts as entirely wrong.
      const distance = buffer
        ? relativeL2(unscaled(await model.backend.download(buffer), scale), expected, undefined, floor(expected))
        : Infinity;
      if (!(distance <= worst.relL2)) worst = { name, relL2: distance };
    }
    return {
      logits: { relL2: relativeL2(logits, golden.logits, attendedElements(golden.batch, model.config.vocabSize)) },
      loss: { expected: golden.loss, actual: actual! / scale },
      grads: { count: golden.gradients.size, worst },
    };
  } finally {
    optimiser.dispose();
  }
}

function unscaled(values: ArrayLike<number>, scale: number): ArrayLike<number> {
  return scale === 1 ? values : Float32Array.from(values, (value) => value / scale);
}

/** Repeats the recorded optimiser steps from the model's present weights and gives the largest differences. */
export async function compareTrajectory(
  model: LanguageModel,
  trajectory: GoldenTrajectory,
  expected: GoldenSteps,
  batches: readonly GoldenBatch[],
  method: TrainingMethod,
): Promise<TrajectoryComparison> {
  const { optimizer, schedule, micro_batches_per_step: microBatches } = trajectory;
  const settings: TrainingSettings = {
    ...defaultSettings,
    method,
    maxSteps: schedule.steps,
    warmupSteps: schedule.warmup_steps,
    schedule: "cosine",
    learningRate: optimizer.lr,
    adamBeta1: optimizer.betas[0],
    adamBeta2: optimizer.betas[1],
    adamEpsilon: optimizer.eps,
    weightDecay: optimizer.weight_decay,
    maxGradNorm: optimizer.max_grad_norm,
  };
  const tokenBatches = batches.map(toTokenBatch);
  const optimiser = await OptimiserStep.create(model, settings);
  let maxLossDiff = 0;
  let maxGradNormRelDiff = 0;
  try {
    for (let step = 0; step < schedule.steps; step++) {
      const micro = Array.from({ length: microBatches }, (_, index) => tokenBatches[(step * microBatches + index) % tokenBatches.length]!);
      const { loss, gradNorm } = await (await optimiser.run(micro, step)).metrics;
      maxLossDiff = Math.max(maxLossDiff, notANumberAsInfinity(Math.abs(loss - expected.loss[step]!)));
      maxGradNormRelDiff = Math.max(
        maxGradNormRelDiff,
        notANumberAsInfinity(Math.abs(gradNorm - expected.grad_norm[step]!) / expected.grad_norm[step]!),
      );
    }
  } finally {
    optimiser.dispose();
  }
  return { maxLossDiff, maxGradNormRelDiff };
}

/** Greedy continuation of the golden prompt, with the key/value cache: prompt and new tokens equal to PyTorch's. */
export async function compareGreedy(
  model: LanguageModel,
  greedy: Int32Array,
  newTokens: number,
): Promise<{ readonly match: boolean; readonly tokens: readonly number[] }> {
  const prompt = greedy.slice(0, greedy.length - newTokens);
  const [result] = await generate(model, [prompt], { stopTokens: new Set(), maxNewTokens: newTokens });
  const expected = greedy.subarray(prompt.length);
  return {
    match: result!.tokens.length === newTokens && result!.tokens.every((token, index) => token === expected[index]),
    tokens: result!.tokens,
  };
}

async function computeLogits(model: LanguageModel, batch: GoldenBatch): Promise<ArrayLike<number>> {
  const recorded = model.recordForward("verify-logits", { shape: { batch: batch.rows, length: batch.length } });
  model.recordLogits(recorded);
  const program = recorded.tape.finish();
  const { bindings, made } = model.bind(program);
  const executable = await model.backend.compile(program, bindings);
  const positions = Int32Array.from({ length: batch.rows * batch.length }, (_, index) => index % batch.length);
  for (const [name, data] of [
    [inputNames.ids, batch.inputIds],
    [inputNames.positions, positions],
    [inputNames.segments, batch.attentionMask],
  ] as const) {
    const buffer = made.get(name);
    if (buffer) model.backend.upload(buffer, data);
  }
  model.backend.run(executable);
  const logits = await model.backend.download(made.get("logits")!);
  model.backend.free(executable);
  for (const buffer of made.values()) model.backend.free(buffer);
  return logits;
}

/** Right-padded rows with unshifted labels, as the trainer's batch: cut to their real length, then shifted in the one place that shifts. */
function toTokenBatch(batch: GoldenBatch): TokenBatch {
  const rows = Array.from({ length: batch.rows }, (_, row) => {
    const start = row * batch.length;
    const mask = batch.attentionMask.subarray(start, start + batch.length);
    const length = mask.reduce((sum, attended) => sum + attended, 0);
    if (mask.subarray(0, length).includes(0))
      throw new Error(`row ${row}: attention_mask has padding before tokens; only right padding is compared`);
    const labels = batch.labels.subarray(start, start + length);
    return shiftTargets({
      ids: batch.inputIds.slice(start, start + length),
      weights: Float32Array.from(labels, (label, index) => (index > 0 && label >= 0 ? 1 : 0)),
    });
  });
  return padBatch(rows);
}

/** Which elements of (B, T, V) logits belong to real tokens. */
function attendedElements(batch: GoldenBatch, vocabSize: number): (index: number) => boolean {
  return (index) => batch.attentionMask[Math.floor(index / vocabSize)] === 1;
}

/** ||actual - expected|| / ||expected|| in float64, or over `floor` where that is more; Infinity when lengths differ or a value is not a number. */
export function relativeL2(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  included: (index: number) => boolean = () => true,
  floor: number = 0,
): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let squares = 0;
  for (let index = 0; index < expected.length; index++) {
    if (!included(index)) continue;
    difference += (actual[index]! - expected[index]!) ** 2;
    squares += expected[index]! ** 2;
  }
  const length = Math.max(Math.sqrt(squares), floor);
  return notANumberAsInfinity(length === 0 ? Math.sqrt(difference) : Math.sqrt(difference) / length);
}

function norm(values: Float32Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

function notANumberAsInfinity(value: number): number {
  return Number.isNaN(value) ? Infinity : value;
}
