import { describe, expect, it } from "vitest";
import { createRandom } from "../testing/random.ts";
import { NF4_BLOCK, nf4Code, nf4Weight, quantizeNf4 } from "./nf4.ts";

/** Standard normal numbers by Box and Muller. */
function normal(length: number, deviation: number): Float32Array {
  const random = createRandom(3);
  return Float32Array.from(
    { length },
    () => deviation * Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform()),
  );
}

describe("4-bit NormalFloat", () => {
  const weights = normal(64 * 1024, 0.02);
  const tensor = quantizeNf4(weights);
  const restored = Float64Array.from(weights, (_, i) => nf4Weight(tensor, i));
  const meanError = (values: ArrayLike<number>): number =>
    weights.reduce((sum, weight, i) => sum + Math.abs(weight - values[i]!), 0) / weights.length;

  const largest = Array.from({ length: weights.length / NF4_BLOCK }, (_, block) =>
    Math.max(...weights.subarray(block * NF4_BLOCK, (block + 1) * NF4_BLOCK).map(Math.abs)),
  );

  it("rounds a normal tensor as the published code book does: the nearest of 16 values times each block's largest magnitude", () => {
    const published = Float64Array.from(weights, (weight, i) => {
      const scale = largest[Math.floor(i / NF4_BLOCK)]!;
      return (
        scale * nf4Code.reduce((best, value) => (Math.abs(value - weight / scale) < Math.abs(best - weight / scale) ? value : best), 2)
      );
    });
    const ours = Float64Array.from(
      weights,
      (_, i) => nf4Code[(tensor.codes[i >> 3]! >>> (4 * (i & 7))) & 15]! * largest[Math.floor(i / NF4_BLOCK)]!,
    );
    expect(Math.abs(meanError(ours) - meanError(published))).toBeLessThan(1e-6 * 0.02);
    // Dettmers' code in blocks of 64 has a mean error near 0.073 standard deviations on normal data.
    expect(meanError(restored) / 0.02).toBeLessThan(0.075);
    expect(meanError(restored) / 0.02).toBeGreaterThan(0.07);
  });

  it("rounds each block's scale to 8 bits: off by at most half the widest gap of the dynamic code", () => {
    const bounds = largest.map((scale, block) => {
      const at = restored.findIndex((_, i) => i >= block * NF4_BLOCK && Math.abs(weights[i]!) === scale);
      return Math.abs(Math.abs(restored[at]!) - scale) / tensor.scales[block >> 8]!;
    });
    // Gaps are 0.9 / 64 at most, between 0.1 and 1; float32 roundings add about 1e-6 of that.
    expect(Math.max(...bounds)).toBeLessThan(0.9 / 128 + 1e-5);
  });

  it("takes 4.127 bits a weight", () => {
    const bytes = Object.values(tensor).reduce((sum: number, part: Int32Array | Float32Array) => sum + part.byteLength, 0);
    expect((8 * bytes) / weights.length).toBeCloseTo(4.127, 3);
  });

  it("keeps zeros, and tensors that fill no block", () => {
    expect(nf4Weight(quantizeNf4(new Float32Array(3)), 1)).toBe(0);
    const short = quantizeNf4(Float32Array.of(0.5, -0.25, 0));
    expect([0, 1, 2].map((i) => nf4Weight(short, i))).toEqual([0.5, 0.5 * nf4Code[2]!, 0]);
  });
});
