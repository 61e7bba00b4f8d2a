import { describe, expect, it } from "vitest";
import { relativeL2 } from "./compare.ts";

describe("relativeL2", () => {
  it("is the length of the difference as a share of what was expected, or of a floor above it", () => {
    expect(relativeL2([3, 4.5], [3, 4])).toBeCloseTo(0.1, 12);
    expect(relativeL2([1e-9], [2e-9], undefined, 2)).toBeCloseTo(5e-10, 15);
    expect(relativeL2([3, 4.5], [3, 4], undefined, 1)).toBeCloseTo(0.1, 12);
    expect(relativeL2([9, 4], [3, 4], (index) => index === 1)).toBe(0);
  });

  it("is infinite for another length and for what is no number", () => {
    expect(relativeL2([1], [1, 2])).toBe(Infinity);
    expect(relativeL2([Number.NaN], [1])).toBe(Infinity);
  });
});
