import { describe, expect, it } from "vitest";
import { padBatch, type ShiftedRow } from "./index.ts";
import { readGolden } from "./testing/golden.ts";

/** Cross-entropy of one row of logits in float64: log sum exp(logits) - logits[target]. */
function crossEntropy(logits: readonly number[], target: number): number {
  const top = Math.max(...logits);
  return top + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - top), 0)) - logits[target];
}

/** sum(w x ce) and sum(w) of one micro batch; the trainer adds both over a step and divides once. */
function sums(rows: readonly { logits: readonly number[]; target: number; weight: number }[]): { loss: number; weight: number } {
  const row: ShiftedRow = {
    inputIds: new Int32Array(rows.length),
    targets: Int32Array.from(rows, ({ target }) => target),
    weights: Float32Array.from(rows, ({ weight }) => weight),
  };
  const batch = padBatch([row], { multipleOf: 8 });
  let loss = 0;
  for (let i = 0; i < batch.length; i++) {
    if (batch.weights[i] !== 0) loss += batch.weights[i] * crossEntropy(rows[i].logits, batch.targets[i]);
  }
  return { loss, weight: batch.weightSum };
}

const stepLoss = (micro: readonly { loss: number; weight: number }[]): number => {
  const weight = micro.reduce((sum, part) => sum + part.weight, 0);
  return weight === 0 ? 0 : micro.reduce((sum, part) => sum + part.loss, 0) / weight;
};

const cases = [
  { logits: [2, 0.5, -1], target: 0 },
  { logits: [0, 0, 0], target: 2 },
  { logits: [1, 3, 0.5], target: 1 },
  { logits: [0.2, -0.3, 1.7], target: 0 },
];
const weighted = (weights: readonly number[]) => cases.map((row, i) => ({ ...row, weight: weights[i] }));

describe("conformance case 15: the loss that weights stand for", () => {
  // The expected figures are printed with six digits.
  it("divides once a step, however the step is split", () => {
    const rows = weighted([1, 1, 1, 1]);
    expect(stepLoss([sums(rows.slice(0, 1)), sums(rows.slice(1))])).toBeCloseTo(0.835753, 6);
    const fractional = weighted([1, 0.5, 0, 2]);
    for (const split of [1, 2, 3, 4]) {
      expect(stepLoss([sums(fractional.slice(0, split)), sums(fractional.slice(split))])).toBeCloseTo(1.258094, 6);
    }
  });
  it("is 0 where everything is masked", () => {
    expect(stepLoss([sums(weighted([0, 0, 0, 0]))])).toBe(0);
  });
  it("equals LitGPT's chunked cross-entropy, all-masked included", () => {
    const golden = readGolden<{ logits: number[][]; targets: number[]; loss: number }[]>("litgpt-chunked-cross-entropy");
    expect(golden).toHaveLength(3);
    for (const { logits, targets, loss } of golden) {
      const rows = targets.map((target, i) => ({ logits: logits[i], target: Math.max(0, target), weight: target === -100 ? 0 : 1 }));
      // LitGPT sums float32 terms: 34 of them, each off by at most 2^-24 of 7, stay within 1e-5.
      expect(Math.abs(stepLoss([sums(rows)]) - loss)).toBeLessThan(1e-5);
    }
  });
});
