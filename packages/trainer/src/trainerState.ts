import type { LossScalerState } from "./lossScaler.ts";

/** One line of a run's history, with the keys that transformers writes to trainer_state.json. */
export type LogEntry = Readonly<Record<string, number>>;

/** What a checkpoint keeps besides tensors; field names are those of transformers' trainer_state.json, then our own. */
export interface TrainerState {
  readonly global_step: number;
  readonly max_steps: number;
  readonly epoch: number;
  readonly log_history: readonly LogEntry[];
  /** Place of the batch source, as its `state()` gave it. */
  readonly sampler: unknown;
  /** Where the loss scale stands, in mixed precision; float32 has a scale of 1. */
  readonly loss_scale?: LossScalerState;
  /** Settings that must not change on resume, as a check. */
  readonly settings: Readonly<Record<string, unknown>>;
}
