import type { MetricsLog } from "./metricsLog.ts";

/** Columns of a run for its curves, or those of its lines that are new; null where a value was not finite. */
export interface CurveData {
  readonly step: readonly number[];
  readonly loss: readonly (number | null)[];
  readonly gradNorm: readonly (number | null)[];
  readonly learningRate: readonly (number | null)[];
  readonly tokensPerSecond: readonly (number | null)[];
  readonly heldOutStep: readonly number[];
  readonly heldOutLoss: readonly (number | null)[];
}

/** The columns from step line `fromStep` and held-out line `fromHeldOut` on, both counted from 0. */
export function curveData({ steps, heldOut }: Pick<MetricsLog, "steps" | "heldOut">, fromStep = 0, fromHeldOut = 0): CurveData {
  const lines = steps.slice(fromStep);
  const measured = heldOut.slice(fromHeldOut);
  return {
    step: lines.map(({ step }) => step),
    loss: lines.map(({ loss }) => drawn(loss)),
    gradNorm: lines.map(({ gradNorm }) => drawn(gradNorm)),
    learningRate: lines.map(({ learningRate }) => drawn(learningRate)),
    tokensPerSecond: lines.map(({ tokensPerSecond }) => drawn(tokensPerSecond)),
    heldOutStep: measured.map(({ step }) => step),
    heldOutLoss: measured.map(({ loss }) => drawn(loss)),
  };
}

/** Six digits are finer than any screen, and a third of the bytes. */
const drawn = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(6)) : null);
