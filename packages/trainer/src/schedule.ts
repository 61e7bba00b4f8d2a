import type { TrainingSettings } from "./settings.ts";

export type ScheduleSettings = Pick<
  TrainingSettings,
  "learningRate" | "schedule" | "warmupSteps" | "maxSteps" | "minLearningRateRatio" | "decaySteps"
>;

/** Share of the peak learning rate at 0-based step `step`. */
type Course = (step: number, settings: ScheduleSettings) => number;

const between = (floor: number, share: number): number => floor + (1 - floor) * share;
const halfCosine = (progress: number): number => 0.5 * (1 + Math.cos(Math.PI * progress));

/** A linear rise from 0 over the warm-up, then what `after` gives for the progress from there to the last step. */
function risingThen(after: (progress: number, floor: number) => number): Course {
  return (step, { warmupSteps, maxSteps, minLearningRateRatio }) =>
    step < warmupSteps
      ? step / warmupSteps
      : after(Math.min(1, (step - warmupSteps) / Math.max(1, maxSteps - warmupSteps)), minLearningRateRatio);
}

/** transformers' get_inverse_sqrt_schedule; its timescale is the warm-up, or 10,000 steps without one. */
const inverseSqrt: Course = (step, { warmupSteps, minLearningRateRatio }) => {
  if (step < warmupSteps) return step / warmupSteps;
  const timescale = warmupSteps || 10_000;
  return Math.max(minLearningRateRatio, 1 / Math.sqrt((step + timescale - warmupSteps) / timescale));
};

/** transformers' get_wsd_schedule: up in a line from the floor, level, and down in a half cosine to it over the last `decaySteps`. */
const warmupStableDecay: Course = (step, { warmupSteps, maxSteps, decaySteps = Math.ceil(maxSteps / 10), minLearningRateRatio: floor }) => {
  if (step < warmupSteps) return between(floor, step / warmupSteps);
  const decayStart = Math.max(warmupSteps, maxSteps - decaySteps);
  if (step < decayStart) return 1;
  return between(floor, step < maxSteps ? halfCosine((step - decayStart) / Math.max(1, maxSteps - decayStart)) : 0);
};

/**
 * PyTorch's OneCycleLR (Smith & Topin 2018): a half cosine up from 1/25 over the warm-up (three tenths of all steps without one),
 * and another down to 1/250,000, or to the floor if there is one.
 */
const oneCycle: Course = (step, { warmupSteps, maxSteps, minLearningRateRatio }) => {
  const [start, end] = [1 / 25, minLearningRateRatio || 1 / 250_000];
  const peak = warmupSteps || 0.3 * maxSteps - 1;
  if (step <= peak) return 1 + (start - 1) * halfCosine(step / peak);
  return end + (1 - end) * halfCosine(Math.min(1, (step - peak) / (maxSteps - 1 - peak)));
};

/** Names of the schedules: transformers' where it has them. "constant" rises too when there is a warm-up. */
export type ScheduleName = "linear" | "cosine" | "constant" | "constant_with_warmup" | "inverse_sqrt" | "one_cycle" | "warmup_stable_decay";

const courses: Readonly<Record<ScheduleName, Course>> = {
  linear: risingThen((progress, floor) => between(floor, 1 - progress)),
  cosine: risingThen((progress, floor) => between(floor, halfCosine(progress))),
  constant: risingThen(() => 1),
  constant_with_warmup: risingThen(() => 1),
  inverse_sqrt: inverseSqrt,
  one_cycle: oneCycle,
  warmup_stable_decay: warmupStableDecay,
};

export const scheduleNames: readonly ScheduleName[] = Object.keys(courses) as ScheduleName[];

/** Learning rate of optimiser step `step` (0-based). With a floor of 0, linear and cosine are transformers' get_*_schedule_with_warmup. */
export function learningRateAt(step: number, settings: ScheduleSettings): number {
  return settings.learningRate * courses[settings.schedule](step, settings);
}
