import { describe, expect, it } from "vitest";
import { dynamicCode, nearestCode } from "./dynamicCode.ts";

describe("the dynamic 8-bit code", () => {
  it.each([true, false])("has 256 values in ascending order, 0 and 1 among them (signed: %s)", (signed) => {
    const code = dynamicCode(signed);
    expect(code).toHaveLength(256);
    expect([...code].every((value, index) => index === 0 || value > code[index - 1]!)).toBe(true);
    expect([code.includes(0), code.at(-1)]).toEqual([true, 1]);
  });

  it("ends where the published construction does: middles of 64 and of 128 parts of [0.1, 1], and of one and two parts of [1e-7, 1e-6]", () => {
    expect(dynamicCode(true)[0]).toBe(Math.fround(-(0.1 + (0.9 * 63.5) / 64)));
    expect(dynamicCode(true)[128]).toBe(Math.fround(0.55e-6));
    expect([...dynamicCode(false).subarray(0, 3)]).toEqual([0, 0.325e-6, 0.775e-6].map(Math.fround));
    expect(dynamicCode(false)[254]).toBe(Math.fround(0.1 + (0.9 * 127.5) / 128));
  });

  it("is searched for the nearest value, as trying all of them finds it", () => {
    for (const signed of [true, false]) {
      const code = dynamicCode(signed);
      for (let step = 0; step <= 4000; step++) {
        const x = Math.sign(step - 2000) * Math.abs(step / 2000 - 1) ** 5;
        const nearest = code.reduce((best, value, index) => (Math.abs(value - x) < Math.abs(code[best]! - x) ? index : best), 0);
        expect(nearestCode(code, x)).toBe(nearest);
      }
    }
  });
});
