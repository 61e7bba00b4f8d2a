import { scaledFrequencies, type RopeParameters } from "./ropeScaling.ts";

/** One pair of tables that a model needs: a scaling, and how many leading dimensions of each head it turns. */
export interface RopeTableSpec {
  readonly parameters: RopeParameters;
  readonly rotaryDim: number;
}

/** Cosine and sine tables, each [positions, rotaryDim / 2], float32. */
export interface RopeTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * What tells the tables of sequences of `length` positions from those of other lengths: nothing for most scalings, the list of
 * factors for longrope, and the length itself for dynamic beyond the trained one. transformers changes its frequencies at the same lengths.
 */
export function ropeVariant({ parameters }: RopeTableSpec, length: number): string {
  if (parameters.type === "longrope") return length > parameters.originalMaxPositions ? "long" : "short";
  return parameters.type === "dynamic" && length > parameters.originalMaxPositions ? String(length) : "";
}

/**
 * Tables for positions 0 .. positions-1, for sequences of `length` positions. The angle is rounded to float32 as PyTorch does, its
 * sine and cosine are exact.
 */
export function ropeTables({ parameters, rotaryDim }: RopeTableSpec, positions: number, length: number = positions): RopeTables {
  const { frequencies, attentionFactor } = scaledFrequencies(parameters, rotaryDim, length);
  const half = rotaryDim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let index = 0; index < half; index++) {
      const angle = Math.fround(position * frequencies[index]!);
      cos[position * half + index] = Math.cos(angle) * attentionFactor;
      sin[position * half + index] = Math.sin(angle) * attentionFactor;
    }
  }
  return { cos, sin };
}
