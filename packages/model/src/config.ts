import type { ActivationKind } from "@sft/kernels";
import { optionalNumber, readActivation, readTokenIds, requireCount, type Raw } from "./configFields.ts";
import { ModelError } from "./errors.ts";
import type { RopeTableSpec } from "./rope.ts";
import { readRopeParameters } from "./ropeScaling.ts";

/** What every family needs of a Hugging Face config.json. */
export interface ModelConfig {
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly maxPositions: number;
  readonly normEpsilon: number;
  /** Between the two products of an MLP, or on its gate. */
  readonly activation: ActivationKind;
  readonly tiedEmbeddings: boolean;
  /** Rope tables by the name that the forward function asks for; empty without rope. */
  readonly ropes: Readonly<Record<string, RopeTableSpec>>;
  /** Scores are multiplied by this; 1/sqrt(headDim) unless the family says otherwise. */
  readonly attentionScale: number;
  /** Soft cap on attention scores; 0 means none. */
  readonly attentionSoftcap: number;
  /** Soft cap on the output logits; 0 means none. */
  readonly logitSoftcap: number;
  /** Sliding window of each layer; 0 means full attention. */
  readonly windows: readonly number[];
  /** End-of-sequence ids; empty when the file does not say. */
  readonly eosTokenIds: readonly number[];
  /** The file as it was read, so that it can be written back unchanged. */
  readonly raw: Raw;
}

/** What transformers takes where a family's file is silent. */
export interface FamilyDefaults {
  readonly normEpsilon?: number;
  readonly theta?: number;
  readonly tiedEmbeddings?: boolean;
}

/** The fields that Llama-like configs share: full attention, one rope over the whole head, no soft caps. */
export function readCommonConfig(raw: Raw, defaults: FamilyDefaults = {}): ModelConfig {
  const hiddenSize = requireCount(raw, "hidden_size");
  const heads = requireCount(raw, "num_attention_heads");
  const headDim = raw.head_dim == null ? hiddenSize / heads : requireCount(raw, "head_dim");
  const keyValueHeads = raw.num_key_value_heads == null ? heads : requireCount(raw, "num_key_value_heads");
  const layers = requireCount(raw, "num_hidden_layers");
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new ModelError(
      "bad-config",
      `config.json: the head size ${headDim} (head_dim, or hidden_size / num_attention_heads) must be an even integer`,
    );
  }
  if (heads % keyValueHeads !== 0) {
    throw new ModelError(
      "bad-config",
      `config.json: num_attention_heads ${heads} must be a multiple of num_key_value_heads ${keyValueHeads}`,
    );
  }
  return {
    modelType: String(raw.model_type),
    vocabSize: requireCount(raw, "vocab_size"),
    hiddenSize,
    intermediateSize: requireCount(raw, "intermediate_size"),
    layers,
    heads,
    keyValueHeads,
    headDim,
    maxPositions: requireCount(raw, "max_position_embeddings"),
    normEpsilon: optionalNumber(raw, "rms_norm_eps", defaults.normEpsilon ?? 1e-6),
    activation: readActivation(raw, "hidden_act", "silu"),
    tiedEmbeddings: raw.tie_word_embeddings === undefined ? (defaults.tiedEmbeddings ?? false) : raw.tie_word_embeddings === true,
    ropes: { default: { parameters: readRopeParameters(raw, undefined, defaults.theta), rotaryDim: headDim } },
    attentionScale: headDim ** -0.5,
    attentionSoftcap: 0,
    logitSoftcap: 0,
    windows: new Array<number>(layers).fill(0),
    eosTokenIds: readTokenIds(raw.eos_token_id),
    raw,
  };
}

/** Rope over the leading part of each head only: `partial_rotary_factor`, in `rope_parameters` or beside it. */
export function partialRotaryDim(raw: Raw, headDim: number, fallback: number): number {
  const nested = (raw.rope_parameters ?? {}) as Raw;
  const share = nested.partial_rotary_factor ?? raw.partial_rotary_factor ?? raw.rotary_pct ?? fallback;
  const dimensions = typeof share === "number" ? Math.floor(headDim * share) : Number.NaN;
  if (dimensions >= 2 && dimensions <= headDim && dimensions % 2 === 0) return dimensions;
  throw new ModelError(
    "bad-config",
    `config.json: partial_rotary_factor ${JSON.stringify(share)} of a head of ${headDim} must give an even number of dimensions`,
  );
}

/**
 * Windows by layer from `layer_types` ("sliding_attention" or "full_attention"), as transformers 5 writes it,
 * or from `fallback` for older files that leave it out.
 */
export function layerWindows(raw: Raw, layers: number, window: number, fallback: (layer: number) => boolean): readonly number[] {
  const types = raw.layer_types;
  if (types === undefined || types === null) return Array.from({ length: layers }, (_, layer) => (fallback(layer) ? window : 0));
  if (!Array.isArray(types) || types.length !== layers || types.some((type) => type !== "sliding_attention" && type !== "full_attention")) {
    throw new ModelError(
      "unsupported-config",
      `config.json: layer_types must name "sliding_attention" or "full_attention" for each of ${layers} layers, got ${JSON.stringify(types)}`,
    );
  }
  return types.map((type) => (type === "sliding_attention" ? window : 0));
}
