import { defaultSettings, type TrainingSettings } from "@sft/trainer";
import type { RunConfig } from "./schema.ts";

/** Rows of one optimiser step. */
export function rowsPerStep(config: RunConfig): number {
  return config.micro_batch_size * config.gradient_accumulation_steps;
}

/** The recipe's keys of settings that the trainer calls by another name than the same words. */
const otherNames: Readonly<Record<string, keyof RunConfig>> = {
  method: "adapter",
  schedule: "lr_scheduler",
  optimiser: "optimizer",
  trainedLayers: "freeze_trainable_layers",
  offloadOptimiser: "offload_optimizer",
  loraPlusRatio: "loraplus_lr_ratio",
  minLearningRateRatio: "min_lr",
  neftuneAlpha: "neftune_noise_alpha",
};

/** "max_steps" of the trainer's "maxSteps". */
export function recipeKeyOf(setting: string): string {
  return otherNames[setting] ?? setting.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The trainer's settings of a recipe for `rows` training rows. */
export function toTrainingSettings(config: RunConfig, rows: number): TrainingSettings {
  const stepsPerEpoch = Math.ceil(rows / rowsPerStep(config));
  const maxSteps = config.max_steps ?? Math.max(1, Math.ceil((config.num_epochs ?? 1) * stepsPerEpoch));
  return {
    ...defaultSettings,
    method: config.adapter === "none" ? "full" : "lora",
    maxSteps,
    learningRate: config.learning_rate,
    schedule: config.lr_scheduler,
    optimiser: config.optimizer,
    ...(config.momentum === undefined ? {} : { momentum: config.momentum }),
    ...(config.decay_steps === undefined ? {} : { decaySteps: config.decay_steps }),
    ...(config.unfrozen_parameters === undefined ? {} : { unfrozenParameters: config.unfrozen_parameters }),
    ...(config.frozen_parameters === undefined ? {} : { frozenParameters: config.frozen_parameters }),
    ...(config.freeze_trainable_layers === undefined ? {} : { trainedLayers: config.freeze_trainable_layers }),
    offloadOptimiser: config.offload_optimizer === "cpu",
    loraPlusRatio: config.loraplus_lr_ratio,
    warmupSteps: config.warmup_steps ?? Math.ceil((config.warmup_ratio ?? 0) * maxSteps),
    minLearningRateRatio: config.learning_rate > 0 ? config.min_lr / config.learning_rate : 0,
    adamBeta1: config.adam_beta1,
    adamBeta2: config.adam_beta2,
    adamEpsilon: config.adam_epsilon,
    weightDecay: config.weight_decay,
    maxGradNorm: config.max_grad_norm,
    labelSmoothing: config.label_smoothing,
    zLoss: config.z_loss,
    neftuneAlpha: config.neftune_noise_alpha,
    gradientCheckpointing: config.gradient_checkpointing,
    evalSteps: config.eval_steps,
    saveSteps: config.save_steps,
    seed: config.seed,
  };
}
