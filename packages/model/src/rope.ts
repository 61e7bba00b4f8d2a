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

/** Tables for positions 0 .. positions-1. The angle is rounded to float32 as PyTorch does, its sine and cosine are exact. */
export function ropeTables({ parameters, rotaryDim }: RopeTableSpec, positions: number): RopeTables {
  const { frequencies, attentionFactor } = scaledFrequencies(parameters, rotaryDim, positions);
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
