import type { SavedStep } from "../runFolder/runFolder.ts";
import type { Sample } from "../samples/sampleTable.ts";
import type { HeldOutLine, StepLine } from "./metricsLog.ts";
import type { Run } from "./readRun.ts";
import { isNonFinite, maxStepsOf, secondsOf, stateOf, type RunState } from "./runState.ts";

/** A value and the step at which it was measured. */
export interface AtStep {
  readonly step: number;
  readonly value: number;
}

/** What one would tell a colleague about a run; null where the folder does not say. */
export interface RunSummary {
  readonly run: string;
  readonly folder: string;
  readonly state: RunState;
  readonly step: number;
  readonly maxSteps: number | null;
  readonly epochs: number | null;
  readonly model: string | null;
  readonly method: string | null;
  readonly data: readonly string[];
  readonly template: string | null;
  readonly mask: string | null;
  readonly tokens: number | null;
  readonly supervisedTokens: number | null;
  /** Between 0 and 1. */
  readonly supervisedShare: number | null;
  /** Time of steps and held-out measurements, without loading and sample answers. */
  readonly seconds: number | null;
  /** Median over the steps. */
  readonly tokensPerSecond: number | null;
  readonly loss: { readonly first: AtStep; readonly last: AtStep; readonly best: AtStep } | null;
  readonly heldOut: readonly AtStep[];
  readonly gradNorm: { readonly median: number; readonly largest: AtStep } | null;
  /** Steps whose loss or gradient was not finite. */
  readonly nonFiniteSteps: readonly number[];
  readonly peakLearningRate: AtStep | null;
  readonly checkpoints: readonly SavedStep[];
  /** The checkpoint at whose step the lowest held-out loss was measured. */
  readonly bestCheckpoint: (SavedStep & { readonly heldOutLoss: number }) | null;
  readonly samples: readonly Sample[];
  readonly warnings: readonly string[];
}

/** @param now ms since 1970, to tell a run in progress from one that was killed */
export function runSummary(run: Run, now: number): RunSummary {
  const { config, log, checkpoints } = run;
  const maxSteps = maxStepsOf(run);
  const tokens = sumOf(log.steps.map((line) => line.tokens));
  const supervisedTokens = sumOf(log.steps.map((line) => line.supervisedTokens));
  const heldOut = log.heldOut.filter(({ loss }) => Number.isFinite(loss));
  return {
    run: run.name,
    folder: run.folder,
    state: stateOf(run, maxSteps, now),
    step: log.steps.at(-1)?.step ?? 0,
    maxSteps: maxSteps ?? null,
    epochs: finiteOr(log.steps.at(-1)?.epoch),
    model: textOr(config.base_model),
    method: methodOf(config),
    data: dataOf(config.datasets),
    template: run.template ?? textOr(config.chat_template),
    mask: run.maskPolicy ?? textOr(config.train_on),
    tokens,
    supervisedTokens,
    supervisedShare: tokens === null || supervisedTokens === null || tokens === 0 ? null : supervisedTokens / tokens,
    seconds: timeOf(log.steps, log.heldOut),
    tokensPerSecond: median(log.steps.map((line) => line.tokensPerSecond)),
    loss: courseOf(valuesOf(log.steps, (line) => line.loss)),
    heldOut: heldOut.map(({ step, loss }) => ({ step, value: loss })),
    gradNorm: normsOf(valuesOf(log.steps, (line) => line.gradNorm)),
    nonFiniteSteps: log.steps.filter(isNonFinite).map(({ step }) => step),
    peakLearningRate: highest(valuesOf(log.steps, (line) => line.learningRate)),
    checkpoints,
    bestCheckpoint: bestOf(checkpoints, heldOut),
    samples: run.samples,
    warnings: run.warnings,
  };
}

/** "LoRA r 8, alpha 16", "4-bit DoRA r 16, alpha 32", "all weights". */
function methodOf(config: Readonly<Record<string, unknown>>): string | null {
  if (config.adapter === undefined) return null;
  if (config.adapter === "none") {
    const isPart = ["unfrozen_parameters", "frozen_parameters", "freeze_trainable_layers"].some((key) => config[key] !== undefined);
    return isPart ? "some of the weights" : "all weights";
  }
  const kind = config.use_dora === true ? "DoRA" : config.use_rslora === true ? "rsLoRA" : "LoRA";
  return `${config.load_in_4bit === true ? "4-bit " : ""}${kind} r ${String(config.lora_r)}, alpha ${String(config.lora_alpha)}`;
}

function dataOf(datasets: unknown): readonly string[] {
  if (!Array.isArray(datasets)) return [];
  return datasets.flatMap((dataset: unknown) => textOr((dataset as { path?: unknown } | null)?.path) ?? []);
}

function timeOf(steps: readonly StepLine[], heldOut: readonly HeldOutLine[]): number | null {
  const time = sumOf(steps.map(secondsOf));
  return time === null ? null : time + heldOut.reduce((sum, { seconds }) => sum + (Number.isFinite(seconds) ? seconds : 0), 0);
}

function bestOf(checkpoints: readonly SavedStep[], heldOut: readonly HeldOutLine[]): RunSummary["bestCheckpoint"] {
  const measured = checkpoints.flatMap((saved) => {
    const loss = heldOut.findLast(({ step }) => step === saved.step)?.loss;
    return loss === undefined ? [] : [{ ...saved, heldOutLoss: loss }];
  });
  return measured.length === 0 ? null : measured.reduce((best, saved) => (saved.heldOutLoss < best.heldOutLoss ? saved : best));
}

function valuesOf(lines: readonly StepLine[], of: (line: StepLine) => number): readonly AtStep[] {
  return lines.map((line) => ({ step: line.step, value: of(line) })).filter(({ value }) => Number.isFinite(value));
}

function courseOf(values: readonly AtStep[]): RunSummary["loss"] {
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || last === undefined) return null;
  return { first, last, best: values.reduce((best, at) => (at.value < best.value ? at : best)) };
}

function normsOf(values: readonly AtStep[]): RunSummary["gradNorm"] {
  const largest = highest(values);
  return largest === null ? null : { median: median(values.map(({ value }) => value))!, largest };
}

const highest = (values: readonly AtStep[]): AtStep | null =>
  values.length === 0 ? null : values.reduce((high, at) => (at.value > high.value ? at : high));

/** Middle of the finite values; null when there is none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Null when a part is not recorded: half a sum would be a wrong one. */
function sumOf(values: readonly number[]): number | null {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.length > 0 && Number.isFinite(sum) ? sum : null;
}

const finiteOr = (value: number | undefined): number | null => (value !== undefined && Number.isFinite(value) ? value : null);
const textOr = (value: unknown): string | null => (typeof value === "string" ? value : null);
