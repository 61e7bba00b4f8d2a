import type { Value } from "@sft/kernels";
import type { ModelConfig } from "../config.ts";
import type { Graph } from "../graph.ts";

/** A tensor of the checkpoint. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * "linear" weights [out, in] and "conv1d" weights [in, out] (GPT-2's layout) are what LoRA can target; a module's name
   * is the parameter's without ".weight". "head" is an untied output head [vocab, hidden].
   */
  readonly kind: "linear" | "conv1d" | "head" | "embedding" | "norm" | "bias";
}

/** One row of the family table: everything that is particular to an architecture. */
export interface ModelFamily {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** Entry of `architectures` in config.json. */
  readonly architecture: string;
  /** Reads config.json; refuses by name the fields that would change the maths in a way that `forward` does not know. */
  readConfig(raw: Readonly<Record<string, unknown>>): ModelConfig;
  parameters(config: ModelConfig): readonly ParameterSpec[];
  /** Records the way from token ids to the final hidden states [N, hidden], after the last norm. */
  forward(graph: Graph): Value;
  /** Name of the output head's weight [vocab, hidden]; the embedding table when they are tied. */
  headWeight(config: ModelConfig): string;
  /** Other names under which checkpoints hold a parameter: theirs -> ours. */
  readonly aliases?: Readonly<Record<string, string>>;
}
