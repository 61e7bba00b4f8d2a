import type { TrainingSettings } from "./settings.ts";

type ScheduleSettings = Pick<TrainingSettings, "learningRate" | "schedule" | "warmupSteps" | "maxSteps" | "minLearningRateRatio">;

/**
 * Learning rate of optimiser step `step` (0-based): a linear rise over `warmupSteps`, then a half cosine or a line down to
 * the floor at `maxSteps`, or constant. With a floor of 0 these are transformers' get_*_schedule_with_warmup.
 */
export function learningRateAt(step: number, settings: ScheduleSettings): number {
  const { learningRate, schedule, warmupSteps, maxSteps, minLearningRateRatio: floor } = settings;
  if (step < warmupSteps) return (learningRate * step) / warmupSteps;
  if (schedule === "constant") return learningRate;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, maxSteps - warmupSteps));
  const decay = schedule === "cosine" ? 0.5 * (1 + Math.cos(Math.PI * progress)) : 1 - progress;
  return learningRate * (floor + (1 - floor) * decay);
}
