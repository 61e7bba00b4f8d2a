import { expect, it } from "vitest";
import { decodeHalf, encodeHalf } from "./float16.ts";

// Bit patterns of IEEE 754-2019, as Python's struct.unpack("<e") reads them.
it.each([
  [0x0000, 0],
  [0x3c00, 1],
  [0xc000, -2],
  [0x3555, 0.333251953125],
  [0x7bff, 65504],
  [0x0001, 5.960464477539063e-8],
  [0x03ff, 6.097555160522461e-5],
  [0x0400, 6.103515625e-5],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x7e00, NaN],
])("%i is %d", (bits, value) => {
  expect(decodeHalf(bits)).toBe(value);
});

it("every float16 survives decoding and encoding", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = decodeHalf(bits);
    if (!Number.isNaN(value)) expect(encodeHalf(value), bits.toString(16)).toBe(bits === 0x8000 ? 0x8000 : bits);
  }
  expect(encodeHalf(NaN) & 0x7fff).toBe(0x7e00);
});

it("rounds to the nearer neighbour, ties to the even one", () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [decodeHalf(bits), decodeHalf(bits + 1)];
    const middle = (low + high) / 2;
    const step = (high - low) / 64;
    expect(encodeHalf(middle - step)).toBe(bits);
    expect(encodeHalf(-(middle + step))).toBe(0x8000 | (bits + 1));
    expect(encodeHalf(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
  }
  expect([65519, 65520, 1e30].map(encodeHalf)).toEqual([0x7bff, 0x7c00, 0x7c00]);
});
