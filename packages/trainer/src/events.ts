/** What a run tells its listeners. Libraries print nothing; a command line, a file or a dashboard turns these into words. */
export type TrainingEvent = StartEvent | StepEvent | EvaluationEvent | SavedEvent | NonFiniteEvent | EndEvent;

export interface StartEvent {
  readonly type: "start";
  /** First optimiser step that will run, 0 unless resumed. */
  readonly step: number;
  readonly maxSteps: number;
  readonly trainableParameters: number;
  readonly backend: string;
  readonly adapter: string;
}

export interface StepEvent {
  readonly type: "step";
  /** Optimiser steps done, from 1. */
  readonly step: number;
  readonly epoch: number;
  /** sum(weight x cross-entropy) / sum(weight) over the whole step, before its update. */
  readonly loss: number;
  /** Global norm before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Input tokens without padding. */
  readonly tokens: number;
  readonly supervisedTokens: number;
  readonly milliseconds: number;
  readonly tokensPerSecond: number;
}

export interface EvaluationEvent {
  readonly type: "evaluation";
  readonly step: number;
  readonly epoch: number;
  /** Token-weighted over the whole held-out set. */
  readonly loss: number;
  readonly supervisedTokens: number;
  readonly milliseconds: number;
}

export interface SavedEvent {
  readonly type: "saved";
  readonly step: number;
  readonly path: string;
}

/** A step whose gradient was not finite: it changed nothing. */
export interface NonFiniteEvent {
  readonly type: "non-finite";
  readonly step: number;
  readonly loss: number;
}

export interface EndEvent {
  readonly type: "end";
  readonly step: number;
  /** True when the run was stopped by its signal before maxSteps. */
  readonly aborted: boolean;
  readonly milliseconds: number;
}
