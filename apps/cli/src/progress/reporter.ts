import type { StepEvent, TrainingEvent } from "@sft/trainer";
import { metricsLine } from "../runFolder/metricsFile.ts";
import { counted } from "../terminal/counted.ts";
import { formatDuration } from "./duration.ts";
import { advance, noProgress, type RunProgress } from "./runProgress.ts";
import { statusBlock } from "./statusBlock.ts";

/** How a run speaks to whoever started it. */
export interface Reporter {
  /** A sentence about the run; `data` is what --json prints in its place. */
  say(text: string, data: Readonly<Record<string, unknown>>): void;
  event(event: TrainingEvent): void;
}

export type ReportStyle = "live" | "plain" | "json" | "quiet";

/** A reporter that writes through `write`; `columns` is asked anew for each drawing, since terminals are resized. */
export function createReporter(
  style: ReportStyle,
  write: (text: string) => void,
  options: { readonly columns: () => number; readonly loggingSteps: number },
): Reporter {
  switch (style) {
    case "quiet":
      return { say: () => {}, event: () => {} };
    case "json":
      return {
        say: (_, data) => write(`${JSON.stringify(data)}\n`),
        event: (event) => write(`${JSON.stringify({ event: event.type, ...(metricsLine(event) ?? event), type: undefined })}\n`),
      };
    case "plain":
      return plainReporter(write, options.loggingSteps);
    case "live":
      return liveReporter(write, options.columns);
  }
}

function plainReporter(write: (text: string) => void, loggingSteps: number): Reporter {
  let progress: RunProgress = noProgress;
  return {
    say: (text) => write(`${text}\n`),
    event(event) {
      progress = advance(progress, event);
      if (event.type === "step" && (event.step === 1 || event.step % loggingSteps === 0 || event.step === progress.maxSteps)) {
        write(`${stepWords(event, progress)}\n`);
      } else if (event.type !== "step" && event.type !== "start") write(`${words(event, progress)}\n`);
    },
  };
}

function liveReporter(write: (text: string) => void, columns: () => number): Reporter {
  let progress: RunProgress = noProgress;
  let drawn = 0;
  const erase = (): string => (drawn === 0 ? "" : `\x1b[${drawn}F\x1b[0J`);
  const draw = (above: string): void => {
    const lines = progress.maxSteps > 0 ? statusBlock(progress, columns()) : [];
    write(`${erase()}${above}${lines.map((line) => `${line}\n`).join("")}`);
    drawn = lines.length;
  };
  return {
    say: (text) => draw(`${text}\n`),
    event(event) {
      progress = advance(progress, event);
      draw(event.type === "step" || event.type === "start" ? "" : `${words(event, progress)}\n`);
      // What is printed after the end must not be erased.
      if (event.type !== "end") return;
      progress = noProgress;
      drawn = 0;
    },
  };
}

function stepWords(event: StepEvent, { maxSteps, timeLeft, tokensPerSecond }: RunProgress): string {
  const { step, loss, gradNorm, learningRate } = event;
  const width = String(maxSteps).length;
  return `step ${String(step).padStart(width)}/${maxSteps}  loss ${loss.toFixed(4)}  grad norm ${gradNorm.toFixed(3)}  lr ${learningRate.toExponential(2)}  ${Math.round(tokensPerSecond ?? 0)} tokens/s  ${formatDuration(timeLeft ?? 0)} left`;
}

function words(event: Exclude<TrainingEvent, StepEvent>, { from, maxSteps }: RunProgress): string {
  switch (event.type) {
    case "start":
      return `${event.trainableParameters.toLocaleString("en")} trainable parameters`;
    case "evaluation":
      return `step ${event.step}: held-out loss ${event.loss.toFixed(4)} over ${event.supervisedTokens.toLocaleString("en")} tokens (${formatDuration(event.milliseconds)})`;
    case "saved":
      return `step ${event.step}: saved ${event.path}`;
    case "non-finite":
      return `step ${event.step}: the gradient was not finite; nothing was changed`;
    case "end":
      return event.aborted
        ? `stopped at step ${event.step} of ${maxSteps}`
        : `${counted(event.step - from, "step")} in ${formatDuration(event.milliseconds)}`;
  }
}
