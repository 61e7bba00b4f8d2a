import { openModelFolder, readJsonObject } from "@sft/checkpoint";
import { estimateFlops, type Backend } from "@sft/kernels";
import type { TokenBatch } from "@sft/mask";
import { findFamily, frozenWeightsFor, LanguageModel, type LoraConfig, type TrainingMethod } from "@sft/model";
import { defaultSettings, microBatchProgram, OptimiserStep, shapeOf, updateProgram } from "@sft/trainer";
import { stat } from "node:fs/promises";
import { usageError } from "../failure/cliError.ts";
import { memoryOf } from "../plan/memoryOf.ts";
import { planTraining } from "../plan/planTraining.ts";
import { meterBackend } from "./meteredBackend.ts";

export interface TrainBenchOptions {
  /** A model folder, or a config.json, whose weights are then drawn at random. */
  readonly model: string;
  readonly method: TrainingMethod;
  readonly batch: number;
  readonly sequence: number;
  readonly steps: number;
  readonly warmup: number;
  /** Compute activations again in the backward pass instead of keeping them. */
  readonly gradientCheckpointing: boolean;
}

/** The figures of `sft bench train --json`. */
export interface TrainBenchResult {
  readonly tokensPerSecond: number;
  /** Of the fastest step: what else the machine did makes others slower, nothing makes one faster. */
  readonly msPerStep: number;
  /** Bytes that buffers, activations and scratch really took. */
  readonly peakBytes: number;
  /** What `sft plan` would have said. */
  readonly plannedBytes: number;
  readonly flopsPerSecond: number;
  readonly backend: string;
  readonly adapter: string;
}

/** Times whole optimiser steps, LoRA of rank 16, the first third of each row masked, on tokens that go through the vocabulary. */
export async function benchTrain(inner: Backend, options: TrainBenchOptions): Promise<TrainBenchResult> {
  const { backend, peakBytes } = meterBackend(inner);
  const { method, batch, sequence, steps, warmup, gradientCheckpointing } = options;
  const model = await load(backend, options);
  const lora: LoraConfig | null = method === "lora" ? { r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" } : null;
  if (lora) await model.attachLora(lora);
  const settings = { ...defaultSettings, method, gradientCheckpointing, maxSteps: warmup + steps };
  const optimiser = await OptimiserStep.create(model, settings);
  const tokens = syntheticBatch(batch, sequence, model.config.vocabSize);
  const times: number[] = [];
  for (let step = 0; step < warmup + steps; step++) {
    const started = performance.now();
    const { metrics } = await optimiser.run([tokens], step);
    await metrics;
    if (step >= warmup) times.push(performance.now() - started);
  }
  const msPerStep = Math.min(...times);
  const program = microBatchProgram(model, settings, shapeOf(tokens));
  const update = updateProgram(optimiser.parameters, settings);
  const flops = estimateFlops(program).total + estimateFlops(update).total;
  const plan = await planTraining({
    config: model.config.raw,
    lora,
    settings,
    rows: batch,
    length: sequence,
    supervisedShare: tokens.supervisedTokens / (batch * sequence),
    ...memoryOf(backend.capabilities),
  });
  return {
    tokensPerSecond: (1000 * batch * sequence) / msPerStep,
    msPerStep,
    peakBytes: peakBytes(),
    plannedBytes: plan.peak,
    flopsPerSecond: (1000 * flops) / msPerStep,
    backend: backend.capabilities.backend,
    adapter: backend.capabilities.adapter,
  };
}

/** Refuses rows for which the model has no positions, as training does. @throws CliError "bad-flag" */
function refuseTooLong(config: Readonly<Record<string, unknown>>, { model, sequence }: TrainBenchOptions): void {
  const { maxPositions } = findFamily(config).readConfig(config);
  if (sequence <= maxPositions) return;
  throw usageError(
    "bad-flag",
    `--seq ${sequence} is longer than the model's ${maxPositions} positions (max_position_embeddings of ${model}).`,
    `Give --seq ${maxPositions} or less, or a config.json with more positions.`,
  );
}

async function load(backend: Backend, options: TrainBenchOptions): Promise<LanguageModel> {
  const { model, method, sequence: positions } = options;
  const frozenWeights = method === "lora" ? frozenWeightsFor(backend.capabilities) : "float32";
  const isFolder = (await stat(model).catch(() => undefined))?.isDirectory() ?? false;
  if (!isFolder) {
    const config = await readJsonObject(model);
    refuseTooLong(config, options);
    return LanguageModel.load({ backend, config, positions, frozenWeights });
  }
  await using folder = await openModelFolder(model);
  refuseTooLong(folder.config, options);
  return await LanguageModel.load({ backend, config: folder.config, weights: folder.tensors, positions, frozenWeights });
}

function syntheticBatch(rows: number, length: number, vocabulary: number): TokenBatch {
  const count = rows * length;
  // A step that shares no factor with the vocabulary visits many tokens, as text does.
  const token = (index: number): number => (index * 7919) % vocabulary;
  const weights = Float32Array.from({ length: count }, (_, index) => (index % length < Math.floor(length / 3) ? 0 : 1));
  const supervised = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    rows,
    length,
    inputIds: Int32Array.from({ length: count }, (_, index) => token(index)),
    targets: Int32Array.from({ length: count }, (_, index) => token(index + 1)),
    positions: Int32Array.from({ length: count }, (_, index) => index % length),
    segments: new Int32Array(count).fill(1),
    weights,
    supervisedTokens: supervised,
    weightSum: supervised,
  };
}
