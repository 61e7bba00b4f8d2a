import { expect, it } from "vitest";
import { initialLossScale, nextLossScale, scaleOfStep, type LossScale } from "./lossScale.ts";

const after = (scale: LossScale, reports: readonly boolean[]): LossScale =>
  reports.reduce((current, finite) => nextLossScale(current, current.value, finite), scale);

it("scales only where products round to less than float32", () => {
  expect(initialLossScale({}).value).toBe(1);
  expect(initialLossScale({ productRoundoff: 2 ** -11 }).value).toBe(65536);
});

it("halves on every overflow and doubles after 2000 finite steps", () => {
  const start = initialLossScale({ productRoundoff: 2 ** -11 });
  expect(after(start, [false, true, false]).value).toBe(16384);
  expect(after(start, new Array<boolean>(1999).fill(true))).toEqual({ value: 65536, finiteSteps: 1999 });
  expect(after(start, new Array<boolean>(2000).fill(true))).toEqual({ value: 131072, finiteSteps: 0 });
  expect(after(start, new Array<boolean>(2000 * 20).fill(true)).value).toBe(2 ** 24);
});

it("is smaller where few targets share the loss", () => {
  const scale = initialLossScale({ productRoundoff: 2 ** -11 });
  expect([0.5, 1, 10, 1000, 1024, 43690].map((weightSum) => scaleOfStep(scale, weightSum))).toEqual([64, 64, 512, 32768, 65536, 65536]);
  expect(scaleOfStep(initialLossScale({}), 10)).toBe(1);
  expect(nextLossScale(scale, 512, false)).toEqual({ value: 256, finiteSteps: 0 });
  expect(nextLossScale(scale, 512, true)).toBe(scale);
});

it("leaves a scale of 1 alone, and one that steps queued earlier did not use", () => {
  expect(after(initialLossScale({}), [false, true]).value).toBe(1);
  expect(nextLossScale({ value: 32768, finiteSteps: 0 }, 65536, false)).toEqual({ value: 32768, finiteSteps: 0 });
});
