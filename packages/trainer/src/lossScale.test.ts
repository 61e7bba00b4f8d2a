import { expect, it } from "vitest";
import { initialLossScale, nextLossScale, type LossScale } from "./lossScale.ts";

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

it("leaves a scale of 1 alone, and one that steps queued earlier did not use", () => {
  expect(after(initialLossScale({}), [false, true]).value).toBe(1);
  expect(nextLossScale({ value: 32768, finiteSteps: 0 }, 65536, false)).toEqual({ value: 32768, finiteSteps: 0 });
});
