import type { ParameterSpec } from "../families/family.ts";
import type { LoraModule } from "./lora.ts";

/** Values of one pair: A [r, in], B [out, r], and DoRA's magnitude [out]. */
export interface PairValues {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly magnitude?: Float32Array;
}

/**
 * A linear layer's weight with its pair merged in, in the weight's own layout: W + scale B A for a "linear" weight
 * [out, in] and a head's, its transpose for a "conv1d" weight [in, out] and an embedding table. With DoRA every output row is then scaled to its magnitude.
 * Sums are float64 and rounded to float32 once.
 */
export function mergedWeight(weight: Float32Array, kind: ParameterSpec["kind"], pair: LoraModule, values: PairValues): Float32Array {
  const [rank, columns] = pair.a.shape as [number, number];
  const rows = pair.b.shape[0]!;
  const isTransposed = kind === "conv1d" || kind === "embedding";
  const [rowStride, columnStride] = isTransposed ? [1, rows] : [columns, 1];
  const merged = new Float32Array(weight.length);
  const row = new Float64Array(columns);
  for (let out = 0; out < rows; out++) {
    for (let index = 0; index < columns; index++) row[index] = weight[out * rowStride + index * columnStride]!;
    for (let k = 0; k < rank; k++) {
      const factor = pair.scale * values.b[out * rank + k]!;
      const start = k * columns;
      for (let index = 0; index < columns; index++) row[index]! += factor * values.a[start + index]!;
    }
    const factor = values.magnitude ? values.magnitude[out]! / norm(row) : 1;
    for (let index = 0; index < columns; index++) merged[out * rowStride + index * columnStride] = row[index]! * factor;
  }
  return merged;
}

function norm(row: Float64Array): number {
  let sum = 0;
  for (const value of row) sum += value * value;
  return Math.sqrt(sum);
}
