import type { StepEvent, TrainingEvent } from "@sft/trainer";

/** Everything a progress display shows, folded from a run's events. */
export interface RunProgress {
  readonly step: number;
  readonly maxSteps: number;
  readonly losses: readonly number[];
  readonly last: StepEvent | undefined;
  readonly heldOut: number | undefined;
  /** Milliseconds until the last step, from the mean of the last 20 steps. */
  readonly timeLeft: number | undefined;
  readonly recent: readonly number[];
}

export const noProgress: RunProgress = { step: 0, maxSteps: 0, losses: [], last: undefined, heldOut: undefined, timeLeft: undefined, recent: [] };

/** The progress after one more event. */
export function advance(progress: RunProgress, event: TrainingEvent): RunProgress {
  switch (event.type) {
    case "start":
      return { ...progress, step: event.step, maxSteps: event.maxSteps };
    case "step": {
      const recent = [...progress.recent, event.milliseconds].slice(-20);
      const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
      return { ...progress, step: event.step, losses: [...progress.losses, event.loss], last: event, recent, timeLeft: mean * (progress.maxSteps - event.step) };
    }
    case "evaluation":
      return { ...progress, heldOut: event.loss };
    default:
      return progress;
  }
}
