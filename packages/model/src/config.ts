import { ModelError } from "./errors.ts";
import { readRopeParameters, type RopeParameters } from "./rope.ts";

/** What every family needs of a Hugging Face config.json; a family's own fields are read from `raw` in its file. */
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
  readonly tiedEmbeddings: boolean;
  readonly rope: RopeParameters;
  /** End-of-sequence ids, from config.json or generation_config.json; empty when neither says. */
  readonly eosTokenIds: readonly number[];
  /** The file as it was read, so that it can be written back unchanged. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Reads a field that must be there and must be a positive integer. */
export function requireCount(raw: Readonly<Record<string, unknown>>, key: string): number {
  const value = raw[key];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new ModelError("bad-config", `config.json: ${key} must be a positive integer, got ${JSON.stringify(value)}`);
  }
  return value;
}

/** Reads a finite number with a default. */
export function optionalNumber(raw: Readonly<Record<string, unknown>>, key: string, fallback: number): number {
  const value = raw[key] ?? fallback;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new ModelError("bad-config", `config.json: ${key} must be a number, got ${JSON.stringify(value)}`);
  }
  return value;
}

/** Refuses a field whose value changes the maths in a way this family does not implement. */
export function refuseUnless(raw: Readonly<Record<string, unknown>>, key: string, allowed: readonly unknown[]): void {
  const value = raw[key];
  if (value !== undefined && !allowed.includes(value)) {
    throw new ModelError("unsupported-config", `config.json: ${key} is ${JSON.stringify(value)}; this family is implemented for ${allowed.map((item) => JSON.stringify(item)).join(" or ")}`);
  }
}

/** The fields that Llama-like configs share. */
export function readCommonConfig(raw: Readonly<Record<string, unknown>>): ModelConfig {
  const hiddenSize = requireCount(raw, "hidden_size");
  const heads = requireCount(raw, "num_attention_heads");
  const headDim = raw.head_dim == null ? hiddenSize / heads : requireCount(raw, "head_dim");
  const keyValueHeads = raw.num_key_value_heads == null ? heads : requireCount(raw, "num_key_value_heads");
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new ModelError("bad-config", `config.json: the head size ${headDim} (head_dim, or hidden_size / num_attention_heads) must be an even integer`);
  }
  if (heads % keyValueHeads !== 0) {
    throw new ModelError("bad-config", `config.json: num_attention_heads ${heads} must be a multiple of num_key_value_heads ${keyValueHeads}`);
  }
  return {
    modelType: String(raw.model_type),
    vocabSize: requireCount(raw, "vocab_size"),
    hiddenSize,
    intermediateSize: requireCount(raw, "intermediate_size"),
    layers: requireCount(raw, "num_hidden_layers"),
    heads,
    keyValueHeads,
    headDim,
    maxPositions: requireCount(raw, "max_position_embeddings"),
    normEpsilon: optionalNumber(raw, "rms_norm_eps", 1e-6),
    tiedEmbeddings: raw.tie_word_embeddings === true,
    rope: readRopeParameters(raw),
    eosTokenIds: readTokenIds(raw.eos_token_id),
    raw,
  };
}

/** A token id, a list of them, or nothing. */
export function readTokenIds(value: unknown): readonly number[] {
  if (value == null) return [];
  return (Array.isArray(value) ? value : [value]).filter((id): id is number => typeof id === "number");
}
