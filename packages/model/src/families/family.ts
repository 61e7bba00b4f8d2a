import type { Value } from "@sft/kernels";
import type { ModelConfig } from "../config.ts";
import type { Graph } from "../graph.ts";

/** A tensor of the checkpoint. Linear weights are [out, in]. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** "linear" weights are what LoRA can target; a module's name is the parameter's without ".weight". */
  readonly kind: "linear" | "embedding" | "norm" | "bias";
}

/** One row of the family table: everything that is particular to an architecture. */
export interface ModelFamily {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** Entry of `architectures` in config.json. */
  readonly architecture: string;
  readConfig(raw: Readonly<Record<string, unknown>>): ModelConfig;
  parameters(config: ModelConfig): readonly ParameterSpec[];
  /** Records the way from token ids to the final hidden states [N, hidden], after the last norm. */
  forward(graph: Graph): Value;
  /** Name of the output head's weight [vocab, hidden]; the embedding table when they are tied. */
  headWeight(config: ModelConfig): string;
}
