import { type Code, f32x4, i32x4, seq } from "./assembler.ts";
import type { FunctionScope } from "./moduleBuilder.ts";

/** Beyond these the result leaves the normal float32 numbers: e^x is then that of the bound. */
const LOWEST = -87.3;
const HIGHEST = 88;
/** 1.5 * 2^23: adding it rounds to the nearest integer and leaves that integer in the low bits. */
const ROUNDER = 12582912;
/** ln 2 in two parts, the first exact in few bits, so that n ln 2 loses nothing (Cody & Waite 1980). */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;
/** Minimax polynomial of (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2, highest power first (Cephes, expf). */
const COEFFICIENTS = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];

/**
 * Writes e^x for four lanes inline: e^x = 2^n e^r with n = round(x / ln 2). The error is at most 1.5 units in the last place
 * (measured by the test over all exponents). NaN stays NaN. Call once a function, then as often as needed.
 */
export function exponentialIn({ local }: FunctionScope): (x: Code) => Code {
  const [r, rounded, n, sum] = [local("v128"), local("v128"), local("v128"), local("v128")];
  return (x) =>
    seq(
      r.set(f32x4.min(f32x4.max(x, f32x4.const(LOWEST)), f32x4.const(HIGHEST))),
      rounded.set(f32x4.add(f32x4.mul(r.get, f32x4.const(Math.LOG2E)), f32x4.const(ROUNDER))),
      n.set(f32x4.sub(rounded.get, f32x4.const(ROUNDER))),
      r.set(f32x4.sub(f32x4.sub(r.get, f32x4.mul(n.get, f32x4.const(LN2_HIGH))), f32x4.mul(n.get, f32x4.const(LN2_LOW)))),
      sum.set(f32x4.const(COEFFICIENTS[0])),
      ...COEFFICIENTS.slice(1).map((coefficient) => sum.set(f32x4.add(f32x4.mul(sum.get, r.get), f32x4.const(coefficient)))),
      sum.set(f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(sum.get, r.get), r.get), r.get), f32x4.const(1))),
      f32x4.mul(sum.get, i32x4.add(i32x4.shl(rounded.get, 23), i32x4.const(0x3f800000))),
    );
}
