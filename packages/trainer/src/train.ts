import { join } from "node:path";
import type { ShiftedRow } from "@sft/mask";
import type { LanguageModel } from "@sft/model";
import type { BatchSource } from "./batchSource.ts";
import { restoreCheckpoint, saveCheckpoint, type CompanionFiles } from "./checkpoint.ts";
import { evaluate, type EvaluateOptions } from "./evaluate.ts";
import type { TrainingEvent } from "./events.ts";
import { OptimiserStep, type StepMetrics } from "./optimiserStep.ts";
import { checkSettings, type TrainingSettings } from "./settings.ts";
import type { LogEntry, TrainerState } from "./trainerState.ts";
import { TrainingError } from "./trainingError.ts";
import { turnOfEventLoop } from "./turnOfEventLoop.ts";

export interface TrainOptions {
  readonly model: LanguageModel;
  readonly settings: TrainingSettings;
  readonly batches: BatchSource;
  readonly heldOut?: readonly ShiftedRow[];
  readonly evaluation?: EvaluateOptions;
  /** Folder for `checkpoint-<step>/`; without it nothing is saved. */
  readonly outputDir?: string;
  readonly baseModel?: string;
  /** Files saved beside every checkpoint's weights. */
  readonly files?: CompanionFiles;
  /** A checkpoint folder to go on from, exactly. */
  readonly resumeFrom?: string;
  readonly onEvent?: (event: TrainingEvent) => void | Promise<void>;
  /** Stops after the step in flight, or inside an evaluation, and saves. */
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  readonly step: number;
  readonly aborted: boolean;
  /** The last checkpoint, when one was saved. */
  readonly checkpoint: string | undefined;
  readonly history: readonly LogEntry[];
}

interface QueuedStep {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** The step's figures, and when they were there. */
  readonly metrics: Promise<StepMetrics & { readonly at: number }>;
}

/** Steps that may be queued on the device before the host waits for the oldest one's figures. */
const stepsInFlight = 2;

/** Steps in a row that may be skipped for a non-finite gradient before the run gives up. */
export const nonFiniteLimit: number = 5;

/**
 * Trains a model. Reads top to bottom: queue a step, report the steps whose figures have come, evaluate and save when due.
 * @throws TrainingError "bad-settings", "non-finite", "bad-checkpoint", "checkpoint-mismatch"
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { model, settings, batches, heldOut = [], outputDir, signal } = options;
  checkSettings(settings);
  const optimiser = await OptimiserStep.create(model, settings);
  const emit = async (event: TrainingEvent): Promise<void> => void (await options.onEvent?.(event));
  const history: LogEntry[] = [];
  const queue: QueuedStep[] = [];
  const started = performance.now();
  let stepBegan = started;
  let step = 0;
  let nonFiniteInARow = 0;
  let checkpoint: string | undefined;
  let savedStep = -1;

  const report = async (queued: QueuedStep): Promise<void> => {
    const { loss, gradNorm, finite, at } = await queued.metrics;
    // Steps follow one another on the device: one took from the end of the one before, or of an evaluation, to its own.
    const milliseconds = at - stepBegan;
    stepBegan = at;
    const { metrics: _, ...figures } = queued;
    history.push({ step: queued.step, epoch: queued.epoch, loss, grad_norm: gradNorm, learning_rate: queued.learningRate });
    await emit({ type: "step", ...figures, loss, gradNorm, milliseconds, tokensPerSecond: (1000 * queued.tokens) / milliseconds });
    nonFiniteInARow = finite ? 0 : nonFiniteInARow + 1;
    if (!finite) await emit({ type: "non-finite", step: queued.step, loss });
    if (nonFiniteInARow >= nonFiniteLimit) {
      throw new TrainingError(
        "non-finite",
        `the gradient was not finite in ${nonFiniteLimit} steps in a row, up to step ${queued.step}; no update was made in them`,
        "Lower learning_rate, and look for damaged rows with `sft doctor`.",
      );
    }
  };
  const flush = async (): Promise<void> => {
    while (queue.length > 0) await report(queue.shift()!);
  };
  const evaluateNow = async (): Promise<void> => {
    if (heldOut.length === 0) return;
    const result = await evaluate(model, heldOut, { ...options.evaluation, ...(signal ? { signal } : {}) }).catch((error: unknown) => {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    });
    if (!result) return;
    history.push({ step, epoch: batches.epoch, eval_loss: result.loss });
    await emit({ type: "evaluation", step, epoch: batches.epoch, ...result });
    stepBegan = performance.now();
  };
  const save = async (): Promise<void> => {
    if (outputDir === undefined) return;
    const path = join(outputDir, `checkpoint-${step}`);
    const state: TrainerState = {
      global_step: step,
      max_steps: settings.maxSteps,
      epoch: batches.epoch,
      log_history: history,
      sampler: batches.state(),
      loss_scale: await optimiser.lossScaler.state(),
      settings: { ...settings },
    };
    await saveCheckpoint(path, {
      model,
      method: settings.method,
      optimiser,
      state,
      ...(options.baseModel === undefined ? {} : { baseModel: options.baseModel }),
      ...(options.files === undefined ? {} : { files: options.files }),
    });
    checkpoint = path;
    savedStep = step;
    await emit({ type: "saved", step, path });
    stepBegan = performance.now();
  };

  try {
    if (options.resumeFrom !== undefined) {
      const state = await restoreCheckpoint(options.resumeFrom, model, settings.method, optimiser);
      batches.restore(state.sampler);
      if (state.loss_scale) optimiser.lossScaler.restore(state.loss_scale);
      history.push(...state.log_history);
      step = state.global_step;
    }
    const trainableParameters = optimiser.parameters.reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    const { backend, adapter } = model.backend.capabilities;
    await emit({ type: "start", step, maxSteps: settings.maxSteps, trainableParameters, backend, adapter });
    if (step === 0) await evaluateNow();
    stepBegan = performance.now();

    while (step < settings.maxSteps && !signal?.aborted) {
      const microBatches = batches.next();
      const { learningRate, metrics } = await optimiser.run(microBatches, step);
      step++;
      const timed = metrics.then((figures) => ({ ...figures, at: performance.now() }));
      timed.catch(() => undefined);
      const tokens = microBatches.reduce(
        (sum, batch) => sum + batch.segments.reduce((count, segment) => count + (segment > 0 ? 1 : 0), 0),
        0,
      );
      const supervisedTokens = microBatches.reduce((sum, batch) => sum + batch.supervisedTokens, 0);
      queue.push({ step, epoch: batches.epoch, learningRate, tokens, supervisedTokens, metrics: timed });
      while (queue.length >= stepsInFlight) await report(queue.shift()!);
      if (signal) await turnOfEventLoop();

      const last = step === settings.maxSteps || signal?.aborted === true;
      const evaluateDue = last || (settings.evalSteps > 0 && step % settings.evalSteps === 0);
      const saveDue = last || (settings.saveSteps > 0 && step % settings.saveSteps === 0);
      if (evaluateDue || saveDue) await flush();
      if (evaluateDue && !signal?.aborted) await evaluateNow();
      if (saveDue) await save();
    }
    await flush();
    await model.backend.sync();
    const aborted = step < settings.maxSteps;
    if (aborted && step > 0 && savedStep !== step) await save();
    await emit({ type: "end", step, aborted, milliseconds: performance.now() - started });
    return { step, aborted, checkpoint, history };
  } finally {
    optimiser.dispose();
  }
}
