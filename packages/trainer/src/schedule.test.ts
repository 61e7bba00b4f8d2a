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

  const base = { learningRate: 1, warmupSteps: 10, maxSteps: 100, minLearningRateRatio: 0 } as const;

  it("gives transformers' inverse square root, whose timescale is the warm-up or 10,000", () => {
    // get_inverse_sqrt_schedule: 1 / sqrt((step + timescale - warmup) / timescale).
    const rate = (step: number, warmupSteps: number): number => learningRateAt(step, { ...base, schedule: "inverse_sqrt", warmupSteps });
    expect([rate(5, 10), rate(10, 10), rate(40, 10), rate(90, 10)]).toEqual([0.5, 1, 0.5, 1 / 3]);
    expect(rate(30_000, 0)).toBeCloseTo(0.5, 15);
  });

  it("gives transformers' warmup-stable-decay with a cosine decay", () => {
    const settings = { ...base, schedule: "warmup_stable_decay", decaySteps: 20, minLearningRateRatio: 0.1 } as const;
    // get_wsd_schedule(optimizer, 10, 20, num_stable_steps=70, min_lr_ratio=0.1): every factor is f * 0.9 + 0.1.
    const expected: readonly (readonly [number, number])[] = [
      [0, 0.1],
      [5, 0.55],
      [10, 1],
      [79, 1],
      [80, 1],
      [90, 0.55],
      [95, 0.5 * (1 + Math.cos(0.75 * Math.PI)) * 0.9 + 0.1],
      [100, 0.1],
    ];
    for (const [step, factor] of expected) expect(learningRateAt(step, settings), String(step)).toBeCloseTo(factor, 14);
    expect(learningRateAt(89, { ...settings, decaySteps: undefined as never })).toBe(1);
  });

  it("gives PyTorch's OneCycleLR", () => {
    const rate = (step: number): number => learningRateAt(step, { ...base, schedule: "one_cycle", warmupSteps: 0 });
    // OneCycleLR(max_lr=1, total_steps=100): phases end at 0.3 * 100 - 1 = 29 and at 99; 1/25 at the start, 1/250,000 at the end.
    const anneal = (from: number, to: number, share: number): number => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
    const expected: readonly (readonly [number, number])[] = [
      [0, 0.04],
      [10, anneal(0.04, 1, 10 / 29)],
      [29, 1],
      [50, anneal(1, 4e-6, 21 / 70)],
      [64, anneal(1, 4e-6, 0.5)],
      [99, 4e-6],
    ];
    for (const [step, factor] of expected) expect(rate(step), String(step)).toBeCloseTo(factor, 14);
    expect(learningRateAt(10, { ...base, schedule: "one_cycle" })).toBe(1);
  });
});
