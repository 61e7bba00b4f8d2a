import { closeNames, type TrainingMethod } from "@sft/model";
import { optimisers, type OptimiserName } from "./optimisers/index.ts";
import { scheduleNames, type ScheduleName } from "./schedule.ts";
import { TrainingError } from "./trainingError.ts";

/** Everything that decides how parameters move. Names follow Hugging Face's TrainingArguments, in camelCase. */
export interface TrainingSettings {
  readonly method: TrainingMethod;
  /**
   * Full fine-tuning of a part: only parameters whose name matches one of these regular expressions from its start are
   * trained (Axolotl's unfrozen_parameters). All of them when absent.
   */
  readonly unfrozenParameters?: readonly string[];
  /** Parameters whose name matches one of these from its start stay as they are. */
  readonly frozenParameters?: readonly string[];
  /**
   * Train the last so many layers alone, or the first where negative, with embeddings, final norm and head frozen
   * (LLaMA-Factory's freeze_trainable_layers).
   */
  readonly trainedLayers?: number;
  /** Optimiser steps in all. */
  readonly maxSteps: number;
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  /** Steps over which the learning rate rises linearly from 0; step 0 itself has rate 0 when this is positive. */
  readonly warmupSteps: number;
  /** Floor of the decaying schedules, as a share of `learningRate`. */
  readonly minLearningRateRatio: number;
  /** Length of the last phase of "warmup_stable_decay"; a tenth of all steps when absent. */
  readonly decaySteps?: number;
  readonly optimiser: OptimiserName;
  /** Momentum of sgd (0.9 when absent) and muon (0.95). */
  readonly momentum?: number;
  /** LoRA+: learning rate of B, and of DoRA's magnitudes, as a multiple of A's. 1 is plain LoRA; the paper recommends 16. */
  readonly loraPlusRatio: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  readonly adamEpsilon: number;
  /** Applied to parameters of two or more dimensions; norms and biases are never decayed. */
  readonly weightDecay: number;
  /** Clip the gradient's global norm; 0 turns clipping off. */
  readonly maxGradNorm: number;
  /** Share of each target's probability that is spread over the whole vocabulary, PyTorch's label_smoothing; the reported loss has it inside. */
  readonly labelSmoothing: number;
  /** Weight of the squared logSumExp of the logits in the loss; the reported loss has it inside. */
  readonly zLoss: number;
  /** NEFTune's alpha: noise on the token embeddings while training, uniform within alpha / sqrt(row length * hidden size). 0 means none. */
  readonly neftuneAlpha: number;
  /** Keep one activation a layer and compute the others again in the backward pass: less memory, a third more work. */
  readonly gradientCheckpointing: boolean;
  /** Keep the optimiser's state in the host's memory between steps: it visits the device bucket by bucket, and the numbers are the same. */
  readonly offloadOptimiser: boolean;
  /** Evaluate every so many steps; 0 only at the end. */
  readonly evalSteps: number;
  /** Save every so many steps; 0 only at the end. */
  readonly saveSteps: number;
  /** Seeds what the run draws while it trains: dropout and noise. */
  readonly seed: number;
}

export const defaultSettings: Omit<TrainingSettings, "maxSteps"> = {
  method: "lora",
  learningRate: 2e-4,
  schedule: "cosine",
  warmupSteps: 0,
  minLearningRateRatio: 0,
  optimiser: "adamw",
  loraPlusRatio: 1,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
  labelSmoothing: 0,
  zLoss: 0,
  neftuneAlpha: 0,
  gradientCheckpointing: false,
  offloadOptimiser: false,
  evalSteps: 0,
  saveSteps: 0,
  seed: 0,
};

/** @throws TrainingError "bad-settings" naming the setting, what it must be and what it is */
export function checkSettings(settings: TrainingSettings): void {
  checkName("optimiser", settings.optimiser, Object.keys(optimisers));
  checkName("schedule", settings.schedule, scheduleNames);
  const rules: readonly (readonly [keyof TrainingSettings, (value: number) => boolean, string])[] = [
    ["maxSteps", isCount, "a positive integer"],
    ["learningRate", (value) => value >= 0, "0 or more"],
    ["warmupSteps", (value) => value === 0 || isCount(value), "0 or a positive integer"],
    ["minLearningRateRatio", (value) => value >= 0 && value <= 1, "between 0 and 1"],
    ["adamBeta1", (value) => value >= 0 && value < 1, "in [0, 1)"],
    ["adamBeta2", (value) => value >= 0 && value < 1, "in [0, 1)"],
    ["adamEpsilon", (value) => value > 0, "positive"],
    ["weightDecay", (value) => value >= 0, "0 or more"],
    ["maxGradNorm", (value) => value >= 0, "0 or more"],
    ["decaySteps", isCount, "a positive integer"],
    ["trainedLayers", (value) => Number.isInteger(value) && value !== 0, "an integer other than 0"],
    ["momentum", (value) => value >= 0 && value < 1, "in [0, 1)"],
    ["loraPlusRatio", (value) => value > 0, "positive"],
    ["labelSmoothing", (value) => value >= 0 && value < 1, "in [0, 1)"],
    ["neftuneAlpha", (value) => value >= 0, "0 or more"],
    ["zLoss", (value) => value >= 0, "0 or more"],
    ["evalSteps", (value) => value === 0 || isCount(value), "0 or a positive integer"],
    ["saveSteps", (value) => value === 0 || isCount(value), "0 or a positive integer"],
  ];
  for (const [key, holds, wanted] of rules) {
    const value = settings[key] as number | undefined;
    if (value === undefined && isOptional.has(key)) continue;
    if (value === undefined || !Number.isFinite(value) || !holds(value)) {
      throw new TrainingError("bad-settings", `${key} must be ${wanted}, got ${String(value)}`);
    }
  }
}

/** Settings that may be left out. */
const isOptional: ReadonlySet<keyof TrainingSettings> = new Set(["decaySteps", "momentum", "trainedLayers"]);

function checkName(setting: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new TrainingError(
    "bad-settings",
    `${setting} ${JSON.stringify(value)} is not known`,
    `Closest: ${closeNames(value, known, 2).join(", ")}. There are: ${known.join(", ")}.`,
  );
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value > 0;
}
