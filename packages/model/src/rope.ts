import { ModelError } from "./errors.ts";

/** `rope_parameters` of transformers 5, or what its older fields `rope_theta` and `rope_scaling` amount to. */
export interface RopeParameters {
  readonly type: "default" | "linear" | "llama3";
  readonly theta: number;
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalMaxPositions: number;
}

/** Cosine and sine tables, each [positions, rotaryDim / 2], float32. */
export interface RopeTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
}

/** Reads both spellings; refuses by name a scaling that is not implemented. */
export function readRopeParameters(raw: Readonly<Record<string, unknown>>): RopeParameters {
  const scaling = (raw.rope_parameters ?? raw.rope_scaling ?? {}) as Readonly<Record<string, unknown>>;
  const type = String(scaling.rope_type ?? scaling.type ?? "default");
  if (type !== "default" && type !== "linear" && type !== "llama3") {
    throw new ModelError("unsupported-config", `config.json: rope type ${JSON.stringify(type)} is not implemented`, "Implemented: default, linear, llama3.");
  }
  const number = (key: string, fallback: unknown): number => {
    const value = scaling[key] ?? fallback;
    if (typeof value !== "number" || !(value > 0)) {
      throw new ModelError("bad-config", `config.json: rope parameter ${key} must be a positive number, got ${JSON.stringify(value)}`);
    }
    return value;
  };
  return {
    type,
    theta: number("rope_theta", raw.rope_theta ?? 10000),
    factor: type === "default" ? 1 : number("factor", undefined),
    lowFrequencyFactor: type === "llama3" ? number("low_freq_factor", undefined) : 1,
    highFrequencyFactor: type === "llama3" ? number("high_freq_factor", undefined) : 1,
    originalMaxPositions: type === "llama3" ? number("original_max_position_embeddings", raw.max_position_embeddings) : 1,
  };
}

/** Inverse frequencies [rotaryDim / 2] in radians per position, scaled as the parameters say. */
export function inverseFrequencies(rope: RopeParameters, rotaryDim: number): Float32Array {
  return Float32Array.from({ length: rotaryDim / 2 }, (_, index) => {
    const plain = 1 / rope.theta ** ((2 * index) / rotaryDim);
    if (rope.type === "linear") return plain / rope.factor;
    if (rope.type === "llama3") return llama3Frequency(plain, rope);
    return plain;
  });
}

/** Llama 3.1's scaling: long wavelengths are slowed by the factor, short ones kept, and those between are interpolated. */
function llama3Frequency(frequency: number, rope: RopeParameters): number {
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < rope.originalMaxPositions / rope.highFrequencyFactor) return frequency;
  if (wavelength > rope.originalMaxPositions / rope.lowFrequencyFactor) return frequency / rope.factor;
  const smooth = (rope.originalMaxPositions / wavelength - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return ((1 - smooth) * frequency) / rope.factor + smooth * frequency;
}

/** Tables for positions 0 .. positions-1. The angle is rounded to float32 as PyTorch does, its sine and cosine are exact. */
export function ropeTables(rope: RopeParameters, rotaryDim: number, positions: number): RopeTables {
  const frequencies = inverseFrequencies(rope, rotaryDim);
  const half = rotaryDim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let index = 0; index < half; index++) {
      const angle = Math.fround(position * frequencies[index]!);
      cos[position * half + index] = Math.cos(angle);
      sin[position * half + index] = Math.sin(angle);
    }
  }
  return { cos, sin, positions };
}
