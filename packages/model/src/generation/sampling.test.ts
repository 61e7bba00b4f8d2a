import { describe, expect, it } from "vitest";
import { randomFrom } from "../randomWeights.ts";
import { argmax, sampleToken, type SamplingOptions } from "./sampling.ts";

const logits = Float32Array.of(0, 2, 1, -1, 2);

/** Shares of 20,000 draws; their standard error is below 0.004. */
function shares(options: SamplingOptions): readonly number[] {
  const random = randomFrom(1);
  const counts = new Array<number>(logits.length).fill(0);
  for (let draw = 0; draw < 20_000; draw++) counts[sampleToken(logits, options, random)]! += 1 / 20_000;
  return counts;
}

function softmax(temperature: number, kept: readonly number[]): readonly number[] {
  const exps = Array.from(logits, (value, index) => (kept.includes(index) ? Math.exp(value / temperature) : 0));
  const total = exps.reduce((sum, value) => sum + value, 0);
  return exps.map((value) => value / total);
}

describe("sampleToken", () => {
  it("is greedy at temperature 0, the first of equal logits", () => {
    expect(argmax(logits)).toBe(1);
    expect(sampleToken(logits, {}, () => 0.99)).toBe(1);
  });

  it.each([
    ["temperature alone", { temperature: 0.7 }, 0.7, [0, 1, 2, 3, 4]],
    ["top-k", { temperature: 1, topK: 2 }, 1, [1, 4]],
    ["top-p keeps the smallest set that reaches it", { temperature: 1, topP: 0.9 }, 1, [1, 2, 4]],
    ["min-p against the largest probability", { temperature: 1, minP: 0.2 }, 1, [1, 2, 4]],
  ])("draws from the softmax: %s", (_, options, temperature, kept) => {
    const expected = softmax(temperature as number, kept as number[]);
    // Five standard errors of a share over 20,000 draws.
    shares(options as SamplingOptions).forEach((share, index) => expect(Math.abs(share - expected[index]!)).toBeLessThan(0.018));
  });
});
