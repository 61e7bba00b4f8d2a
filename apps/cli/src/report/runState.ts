import { nonFiniteLimit } from "@sft/trainer";
import type { Run } from "./readRun.ts";

/** How far a run has come. "non-finite": it gave up, since gradients were no longer finite. */
export type RunState = "done" | "running" | "stopped" | "non-finite";

/** A run whose file has not grown for so long is taken for dead, unless its steps take longer. */
const silence = 60_000;

export const isNonFinite = ({ loss, gradNorm }: { readonly loss: number; readonly gradNorm: number }): boolean =>
  !Number.isFinite(loss) || !Number.isFinite(gradNorm);

/** @param now ms since 1970 */
export function stateOf({ log, checkpoints, config, changedAt }: Omit<Run, "name">, maxSteps: number | undefined, now: number): RunState {
  const step = log.steps.at(-1)?.step ?? 0;
  if (maxSteps !== undefined && step >= maxSteps) return "done";
  const last = log.steps.slice(-nonFiniteLimit);
  if (last.length === nonFiniteLimit && last.every(isNonFinite)) return "non-finite";
  // A run saves where it is stopped: a checkpoint at the last step that was not due says so at once.
  const every = numberOr(config.save_steps, 0);
  const isLastWord = checkpoints.at(-1)?.step === step && step > 0 && (every === 0 || step % every !== 0);
  const slowest = Math.max(0, ...log.steps.slice(-20).map(secondsOf).filter(Number.isFinite)) * 1000;
  const evaluation =
    Math.max(
      0,
      ...log.heldOut
        .slice(-5)
        .map(({ seconds }) => seconds)
        .filter(Number.isFinite),
    ) * 1000;
  return !isLastWord && now - changedAt < Math.max(silence, 5 * Math.max(slowest, evaluation)) ? "running" : "stopped";
}

/** Time of a step; NaN where its tokens are not recorded. */
export const secondsOf = ({ tokens, tokensPerSecond }: { readonly tokens: number; readonly tokensPerSecond: number }): number =>
  tokens / tokensPerSecond;

/** Steps that the run was to take; undefined when neither the recipe nor a first step tells. */
export function maxStepsOf({ config, log }: Pick<Run, "config" | "log">): number | undefined {
  if (typeof config.max_steps === "number") return config.max_steps;
  const last = log.steps.findLast(({ epoch }) => epoch > 0);
  if (last === undefined || Object.keys(config).length === 0) return undefined;
  // Every epoch ends with a step, so it has a whole number of them; the subtrahend takes the division's rounding.
  const stepsPerEpoch = Math.ceil(last.step / last.epoch - 1e-6);
  return Math.max(1, Math.ceil(numberOr(config.num_epochs, 1) * stepsPerEpoch));
}

const numberOr = (value: unknown, fallback: number): number => (typeof value === "number" ? value : fallback);
