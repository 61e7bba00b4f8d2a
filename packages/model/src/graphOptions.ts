import type { Tape } from "@sft/kernels";
import type { AdapterLayout } from "./adapters/lora.ts";
import type { ModelConfig } from "./config.ts";
import type { ParameterSpec } from "./families/family.ts";
import { ropeVariant } from "./rope.ts";

/** Tokens of one program: `batch` sequences of `length` tokens, N = batch * length rows. */
export interface TokenShape {
  readonly batch: number;
  readonly length: number;
  /** Positions of the longest sequence where they are not `length`: scaled ropes turn by it. Padding and a last target make the difference. */
  readonly reach?: number;
}

/** How attention sees other tokens: the sequences of a training batch, or a key/value cache while generating. */
export type AttentionMode = { readonly kind: "causal" } | { readonly kind: "cache"; readonly capacity: number };

export interface GraphOptions {
  readonly tape: Tape;
  readonly config: ModelConfig;
  readonly parameters: readonly ParameterSpec[];
  readonly shape: TokenShape;
  readonly attention: AttentionMode;
  /** Positions that the rope tables hold. */
  readonly ropePositions: number;
  readonly trainable: (parameter: string) => boolean;
  readonly adapter?: AdapterLayout;
  /** True while training: dropout is active. */
  readonly training: boolean;
  /** Names of weights that lie [out, in] though the checkpoint has them [in, out]. */
  readonly transposed: ReadonlySet<string>;
  /** Names of linear weights that lie in 4 bits and are unpacked where they are read. */
  readonly quantised: ReadonlySet<string>;
  /** Scales of the weights that lie in float16, by name. */
  readonly halves: ReadonlyMap<string, number>;
  /** Names of float16 tensors that linear layers and the head read instead of the parameter that each is a copy of, by that parameter's name. */
  readonly halfCopies: ReadonlyMap<string, string>;
  /** NEFTune's alpha (Jain et al. 2023): uniform noise within alpha / sqrt(length * hidden) on the token embeddings. 0 means none. */
  readonly embeddingNoise: number;
  /** How many rows, those of the input "rows", go on after the last layer's attention; all of them where it is absent. */
  readonly chosenRows?: number | undefined;
}

/** Names of the tensors that a model program binds besides its parameters. */
export const inputNames = {
  ids: "ids",
  order: "order",
  positions: "positions",
  positionOrder: "position_order",
  segments: "segments",
  rows: "rows",
  lengths: "lengths",
  dropoutSeed: "dropout_seed",
} as const;

/** Names of the tensors that hold a rope table of the config, as sequences of `length` positions need it. */
export function ropeNames(config: ModelConfig, table: string, length: number): { readonly cos: string; readonly sin: string } {
  const variant = ropeVariant(config.ropes[table]!, length);
  const name = variant === "" ? `rope.${table}` : `rope.${table}.${variant}`;
  return { cos: `${name}.cos`, sin: `${name}.sin` };
}

/** Positions of the longest sequence of a pass; the last token that fills a cache is never read. */
export function reachOf(shape: TokenShape, attention: AttentionMode): number {
  return attention.kind === "causal" ? (shape.reach ?? shape.length) : Math.max(1, attention.capacity - 1);
}

/** Names of the cache tensors of a layer. */
export function cacheNames(layer: number): { readonly keys: string; readonly values: string } {
  return { keys: `cache.${layer}.keys`, values: `cache.${layer}.values` };
}
