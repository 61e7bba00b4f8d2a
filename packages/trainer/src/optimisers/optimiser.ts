import type { DType, Tape, Value } from "@sft/kernels";
import type { ParameterSpec } from "@sft/model";
import type { TrainingSettings } from "../settings.ts";

/** One state tensor of a parameter. It starts as zeros, and is saved as "<key>.<parameter>". */
export interface StateTensor {
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype: Extract<DType, "f32" | "i32">;
}

/** What the update of one parameter reads and writes. */
export interface Update {
  readonly tape: Tape;
  readonly parameter: Value;
  readonly gradient: Value;
  /** In the order of the rule's `state`. */
  readonly state: readonly Value[];
  /** schedule[4] of this parameter: the learning rate, then what the optimiser's `schedule` gives. */
  readonly schedule: Value;
  /** gate[3]: length of the whole gradient, 0 where it is not finite, which changes nothing, and what takes the loss scale out. */
  readonly gate: Value;
  /** 0 for norms, biases and other vectors. */
  readonly weightDecay: number;
  readonly settings: TrainingSettings;
  /** The parameter in float16, where the run holds it and the rule writes it. */
  readonly halfCopy?: Value;
}

/** How one parameter moves: what it keeps between steps, and the ops of a step, written in place. */
export interface UpdateRule {
  /** Each element moves by its own gradient and state alone, so that several parameters can be moved as one. */
  readonly elementwise?: true;
  /** `record` writes `halfCopy` wherever it writes the parameter, and leaves it wherever it leaves that. */
  readonly writesHalfCopy?: true;
  readonly state: (parameter: Pick<ParameterSpec, "shape">) => readonly StateTensor[];
  readonly record: (update: Update) => void;
}

/** One row of the optimiser table. */
export interface Optimiser {
  readonly ruleFor: (parameter: ParameterSpec) => UpdateRule;
  /** Three numbers that every parameter's schedule tensor holds behind its learning rate, for 0-based step `step`. */
  readonly schedule: (step: number, settings: TrainingSettings) => readonly [number, number, number];
}

/** A state tensor shaped as its parameter. */
export function alike(key: string): (parameter: Pick<ParameterSpec, "shape">) => StateTensor {
  return ({ shape }) => ({ key, shape, dtype: "f32" });
}

/** An optimiser that moves every parameter by one rule and needs nothing of the host but the learning rate. */
export function uniform(rule: UpdateRule): Optimiser {
  return { ruleFor: () => rule, schedule: () => [0, 0, 0] };
}
