import type { StepEvent, TrainingEvent } from "@sft/trainer";

/** Everything a progress display shows, folded from a run's events. */
export interface RunProgress {
  /** Steps that were done before this run went on from there. */
  readonly from: number;
  readonly step: number;
  readonly maxSteps: number;
  readonly losses: readonly number[];
  readonly last: StepEvent | undefined;
  readonly heldOut: number | undefined;
  /** Milliseconds until the last step, at the pace of the recent steps. */
  readonly timeLeft: number | undefined;
  /** Of the recent steps together: figures of single steps jump, since a device works ahead of its reports. */
  readonly tokensPerSecond: number | undefined;
  readonly recent: readonly Pick<StepEvent, "milliseconds" | "tokens">[];
}

/** Steps that count as recent. */
const window = 20;

export const noProgress: RunProgress = {
  from: 0,
  step: 0,
  maxSteps: 0,
  losses: [],
  last: undefined,
  heldOut: undefined,
  timeLeft: undefined,
  tokensPerSecond: undefined,
  recent: [],
};

/** The progress after one more event. */
export function advance(progress: RunProgress, event: TrainingEvent): RunProgress {
  switch (event.type) {
    case "start":
      return { ...progress, from: event.step, step: event.step, maxSteps: event.maxSteps };
    case "step": {
      const recent = [...progress.recent, { milliseconds: event.milliseconds, tokens: event.tokens }].slice(-window);
      const milliseconds = recent.reduce((sum, step) => sum + step.milliseconds, 0);
      const tokens = recent.reduce((sum, step) => sum + step.tokens, 0);
      return {
        ...progress,
        step: event.step,
        losses: [...progress.losses, event.loss],
        last: event,
        recent,
        timeLeft: (milliseconds / recent.length) * (progress.maxSteps - event.step),
        tokensPerSecond: (1000 * tokens) / milliseconds,
      };
    }
    case "evaluation":
      return { ...progress, heldOut: event.loss };
    default:
      return progress;
  }
}
