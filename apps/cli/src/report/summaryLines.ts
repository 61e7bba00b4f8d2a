import { basename } from "node:path";
import { formatDuration } from "../progress/duration.ts";
import type { AtStep, RunSummary } from "./runSummary.ts";

/** A summary in words: a label and its text each, in the order in which they are read. What the folder does not say is left out. */
export function summaryLines(run: RunSummary): readonly (readonly [label: string, text: string])[] {
  const { loss, gradNorm, heldOut, bestCheckpoint, peakLearningRate, nonFiniteSteps } = run;
  const lines: readonly (readonly [string, string | null | undefined | false])[] = [
    ["state", stateText(run)],
    ["model", run.model],
    ["method", run.method],
    ["data", run.data.length > 0 && run.data.join(", ")],
    ["template, mask", [run.template ?? "by the rows' form", run.mask ?? "by the rows' form"].join(", ")],
    ["steps", run.epochs === null ? String(run.step) : `${run.step}, ${run.epochs.toFixed(2)} epochs`],
    [
      "tokens",
      run.tokens !== null &&
        `${whole(run.tokens)}${run.supervisedShare === null ? "" : `, ${(100 * run.supervisedShare).toFixed(1)} % supervised`}`,
    ],
    ["time", run.seconds !== null && formatDuration(run.seconds * 1000)],
    ["tokens/s", run.tokensPerSecond !== null && `${whole(run.tokensPerSecond)} (median)`],
    ["loss", loss && `first ${atStep(loss.first)}, last ${atStep(loss.last)}, best ${atStep(loss.best)}`],
    ["held-out loss", heldOut.length > 0 && shortened(heldOut.map(atStep)).join(", ")],
    ["gradient norm", gradNorm && `median ${figure(gradNorm.median)}, largest ${atStep(gradNorm.largest)}`],
    [
      "not finite",
      nonFiniteSteps.length > 0 &&
        `${nonFiniteSteps.length} ${nonFiniteSteps.length === 1 ? "step" : "steps"}: ${shortened(nonFiniteSteps.map(String)).join(", ")}`,
    ],
    ["learning rate", peakLearningRate && `peak ${peakLearningRate.value.toPrecision(3)} (step ${peakLearningRate.step})`],
    ["checkpoints", run.checkpoints.length > 0 ? shortened(run.checkpoints.map(({ path }) => basename(path))).join(", ") : "none"],
    ["best checkpoint", bestCheckpoint && `${bestCheckpoint.path} (held-out loss ${figure(bestCheckpoint.heldOutLoss)})`],
  ];
  return lines.flatMap(([label, text]) => (text === null || text === undefined || text === false ? [] : [[label, text] as const]));
}

/** Summaries side by side: a label and what each run has for it, the dash where it has nothing. */
export function comparedLines(runs: readonly RunSummary[], dash: string): readonly (readonly [label: string, ...texts: string[]])[] {
  const lines = runs.map((run) => new Map(summaryLines(run)));
  const labels = new Set(lines.flatMap((one) => [...one.keys()]));
  return [...labels].map((label) => [label, ...lines.map((one) => one.get(label) ?? dash)]);
}

export function stateText({ state, step, maxSteps }: Pick<RunSummary, "state" | "step" | "maxSteps">): string {
  const place = `step ${step}${maxSteps === null ? "" : ` of ${maxSteps}`}`;
  switch (state) {
    case "done":
      return "done";
    case "running":
      return `in progress at ${place}`;
    case "stopped":
      return `stopped at ${place}`;
    case "non-finite":
      return `ended in values that are not finite, at ${place}`;
  }
}

const atStep = ({ step, value }: AtStep): string => `${figure(value)} (step ${step})`;
const whole = (value: number): string => Math.round(value).toLocaleString("en");

/** Four digits behind the point, or three that count where that would show none. */
function figure(value: number): string {
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1e6 ? value.toFixed(4) : value.toPrecision(3);
}

/** The first and the last few of a long list. */
function shortened(texts: readonly string[]): readonly string[] {
  return texts.length <= 8 ? texts : [...texts.slice(0, 3), `${texts.length - 7} more`, ...texts.slice(-4)];
}
