import { optionalNumber, requireCount, type Raw } from "./configFields.ts";
import { ModelError } from "./errors.ts";

/** `rope_parameters` of transformers 5, or what its older fields `rope_theta` and `rope_scaling` amount to; scaling types in HF's words. */
export type RopeParameters =
  | { readonly type: "default"; readonly theta: number }
  | { readonly type: "linear" | "dynamic"; readonly theta: number; readonly factor: number; readonly originalMaxPositions: number }
  | {
      readonly type: "llama3";
      readonly theta: number;
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
    }
  | {
      readonly type: "yarn";
      readonly theta: number;
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly attentionFactor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
    }
  | {
      readonly type: "longrope";
      readonly theta: number;
      readonly originalMaxPositions: number;
      readonly attentionFactor: number;
      readonly shortFactor: readonly number[];
      readonly longFactor: readonly number[];
    };

/** Reads both spellings; `scaling` is one entry of `rope_parameters` (or `rope_scaling`). Refuses by name what is not implemented. */
export function readRopeParameters(
  raw: Raw,
  scaling: Raw = (raw.rope_parameters ?? raw.rope_scaling ?? {}) as Raw,
  defaultTheta: number = 10_000,
): RopeParameters {
  const type = String(scaling.rope_type ?? scaling.type ?? "default");
  const number = (key: string, fallback?: unknown): number => {
    const value = scaling[key] ?? fallback;
    if (typeof value !== "number" || !(value > 0)) {
      throw new ModelError("bad-config", `config.json: rope parameter ${key} must be a positive number, got ${JSON.stringify(value)}`);
    }
    return value;
  };
  const theta = number("rope_theta", raw.rope_theta ?? raw.rotary_emb_base ?? defaultTheta);
  // A trained length at the top level goes before one among the rope's own parameters, as in transformers.
  const originalMaxPositions = (): number =>
    typeof raw.original_max_position_embeddings === "number"
      ? requireCount(raw, "original_max_position_embeddings")
      : number("original_max_position_embeddings", raw.max_position_embeddings);
  switch (type) {
    case "default":
      return { type, theta };
    case "linear":
    case "dynamic":
      return {
        type,
        theta,
        factor: number("factor"),
        originalMaxPositions: requireCount(raw, "max_position_embeddings"),
      };
    case "llama3":
      return {
        type,
        theta,
        factor: number("factor"),
        originalMaxPositions: originalMaxPositions(),
        lowFrequencyFactor: number("low_freq_factor"),
        highFrequencyFactor: number("high_freq_factor"),
      };
    case "yarn": {
      const original = originalMaxPositions();
      const factor = number("factor", optionalNumber(raw, "max_position_embeddings", original) / original);
      return {
        type,
        theta,
        factor,
        originalMaxPositions: original,
        attentionFactor: yarnAttentionFactor(scaling, factor),
        betaFast: number("beta_fast", 32),
        betaSlow: number("beta_slow", 1),
        truncate: scaling.truncate !== false,
      };
    }
    case "longrope":
    case "su": {
      const original = originalMaxPositions();
      const factor = number("factor", optionalNumber(raw, "max_position_embeddings", original) / original);
      const attentionFactor = number("attention_factor", factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)));
      return {
        type: "longrope",
        theta,
        originalMaxPositions: original,
        attentionFactor,
        shortFactor: factors(scaling, "short_factor"),
        longFactor: factors(scaling, "long_factor"),
      };
    }
    default:
      throw new ModelError(
        "unsupported-config",
        `config.json: rope type ${JSON.stringify(type)} is not implemented`,
        "Implemented: default, linear, dynamic, llama3, yarn, longrope.",
      );
  }
}

/** YaRN's temperature on cos and sin: given, or 0.1 m ln(factor) + 1, or DeepSeek's ratio of two such terms. */
function yarnAttentionFactor(scaling: Raw, factor: number): number {
  const scaleOf = (mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);
  if (scaling.attention_factor != null) return optionalNumber(scaling, "attention_factor", 1);
  const [mscale, all] = [optionalNumber(scaling, "mscale", 0), optionalNumber(scaling, "mscale_all_dim", 0)];
  return mscale !== 0 && all !== 0 ? scaleOf(mscale) / scaleOf(all) : scaleOf(1);
}

function factors(scaling: Raw, key: string): readonly number[] {
  const value = scaling[key];
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "number" && item > 0)) return value as number[];
  throw new ModelError("bad-config", `config.json: rope parameter ${key} must be a list of positive numbers, got ${JSON.stringify(value)}`);
}

/**
 * Inverse frequencies [rotaryDim / 2] in radians a position for sequences up to `positions` long, and the factor on cos and sin.
 * Formulae: Chen et al. 2023 (linear), "NTK-aware" scaling (dynamic), Llama 3.1, Peng et al. 2023 (yarn), Ding et al. 2024 (longrope).
 */
export function scaledFrequencies(
  rope: RopeParameters,
  rotaryDim: number,
  positions: number,
): { readonly frequencies: Float32Array; readonly attentionFactor: number } {
  const attentionFactor = rope.type === "yarn" || rope.type === "longrope" ? rope.attentionFactor : 1;
  const theta = rope.type === "dynamic" ? dynamicTheta(rope, rotaryDim, positions) : rope.theta;
  const frequencies = Float32Array.from({ length: rotaryDim / 2 }, (_, index) =>
    scaleFrequency(rope, 1 / theta ** ((2 * index) / rotaryDim), index, rotaryDim, positions),
  );
  return { frequencies, attentionFactor };
}

function scaleFrequency(rope: RopeParameters, frequency: number, index: number, rotaryDim: number, positions: number): number {
  switch (rope.type) {
    case "default":
    case "dynamic":
      return frequency;
    case "linear":
      return frequency / rope.factor;
    case "llama3":
      return llama3Frequency(frequency, rope);
    case "yarn":
      return yarnFrequency(frequency, rope, index, rotaryDim);
    case "longrope": {
      const list = positions > rope.originalMaxPositions ? rope.longFactor : rope.shortFactor;
      if (list.length !== rotaryDim / 2) {
        throw new ModelError(
          "bad-config",
          `config.json: longrope needs ${rotaryDim / 2} factors, one for each rotated pair, got ${list.length}`,
        );
      }
      return frequency / list[index]!;
    }
  }
}

/** The base grows with the sequence beyond the trained length, so that the slowest frequency still fits. */
function dynamicTheta(rope: Extract<RopeParameters, { type: "linear" | "dynamic" }>, rotaryDim: number, positions: number): number {
  const length = Math.max(positions, rope.originalMaxPositions);
  return rope.theta * ((rope.factor * length) / rope.originalMaxPositions - (rope.factor - 1)) ** (rotaryDim / (rotaryDim - 2));
}

/** Long wavelengths are slowed by the factor, short ones kept, and those between are interpolated. */
function llama3Frequency(frequency: number, rope: Extract<RopeParameters, { type: "llama3" }>): number {
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < rope.originalMaxPositions / rope.highFrequencyFactor) return frequency;
  if (wavelength > rope.originalMaxPositions / rope.lowFrequencyFactor) return frequency / rope.factor;
  const smooth = (rope.originalMaxPositions / wavelength - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return ((1 - smooth) * frequency) / rope.factor + smooth * frequency;
}

/** A ramp over the pairs: those that turn often (betaFast) keep their frequency, those that turn rarely (betaSlow) are slowed. */
function yarnFrequency(frequency: number, rope: Extract<RopeParameters, { type: "yarn" }>, index: number, rotaryDim: number): number {
  const pairAt = (rotations: number): number =>
    (rotaryDim * Math.log(rope.originalMaxPositions / (rotations * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const [fast, slow] = [pairAt(rope.betaFast), pairAt(rope.betaSlow)];
  const low = Math.max(rope.truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(rope.truncate ? Math.ceil(slow) : slow, rotaryDim - 1);
  const ramp = Math.min(1, Math.max(0, (index - low) / (high === low ? 0.001 : high - low)));
  return (frequency / rope.factor) * ramp + frequency * (1 - ramp);
}
