import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goldenModelPath } from "@sft/golden";
import { describe, expect, it } from "vitest";
import { learningRateAt } from "./schedule.ts";

describe("learningRateAt", () => {
  it("gives the learning rates that PyTorch's scheduler recorded, to float64 rounding", () => {
    const { full } = JSON.parse(readFileSync(join(goldenModelPath("llama"), "trajectory.json"), "utf8")) as { full: { lr: number[] } };
    const settings = { learningRate: 2e-3, schedule: "cosine", warmupSteps: 4, maxSteps: 24, minLearningRateRatio: 0 } as const;
    // cos and a product: a few units in the last place of a float64 near 2e-3.
    full.lr.forEach((expected, step) => expect(Math.abs(learningRateAt(step, settings) - expected)).toBeLessThan(1e-17 + expected * 1e-14));
    expect(full.lr).toHaveLength(24);
  });

  it("falls linearly to the floor, or stays", () => {
    const settings = { learningRate: 1, warmupSteps: 0, maxSteps: 10, minLearningRateRatio: 0.2 } as const;
    expect(learningRateAt(0, { ...settings, schedule: "linear" })).toBe(1);
    expect(learningRateAt(5, { ...settings, schedule: "linear" })).toBeCloseTo(0.6, 15);
    expect(learningRateAt(10, { ...settings, schedule: "cosine" })).toBeCloseTo(0.2, 15);
    expect(learningRateAt(7, { ...settings, schedule: "constant" })).toBe(1);
  });
});
