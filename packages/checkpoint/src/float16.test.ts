import { describe, expect, test } from "vitest";
import { bfloat16ToFloat32, float32ToBfloat16 } from "./bfloat16.ts";
import { float16ToFloat32, float32ToFloat16 } from "./float16.ts";

const everyPattern = Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern);

/** The value of a bit pattern by the definition of IEEE 754, in float64, which holds it exactly. */
function valueOf(pattern: number, exponentBits: number, fractionBits: number): number {
  const sign = pattern >>> 15 === 1 ? -1 : 1;
  const exponent = (pattern >>> fractionBits) & ((1 << exponentBits) - 1);
  const fraction = (pattern & ((1 << fractionBits) - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

const formats = [
  { name: "float16", widen: float16ToFloat32, round: float32ToFloat16, exponentBits: 5, fractionBits: 10 },
  { name: "bfloat16", widen: bfloat16ToFloat32, round: float32ToBfloat16, exponentBits: 8, fractionBits: 7 },
];

describe.each(formats)("$name", ({ widen, round, exponentBits, fractionBits }) => {
  const infinity = ((1 << exponentBits) - 1) << fractionBits;
  const defined = (pattern: number): number => valueOf(pattern, exponentBits, fractionBits);

  test("all 65,536 patterns widen to the value that IEEE 754 defines", () => {
    const values = widen(everyPattern);
    const wrong = everyPattern.filter((pattern) => !Object.is(values[pattern], defined(pattern)));
    expect([...wrong]).toEqual([]);
  });

  test("all 65,536 patterns survive widening and rounding, NaN payloads too", () => {
    expect(round(widen(everyPattern))).toEqual(everyPattern);
  });

  test("every tie goes to the even pattern, and the float32 values beside it to the nearer one", () => {
    const wrong: number[] = [];
    for (let low = 0; low < infinity; low++) {
      // The next pattern's value; beyond the largest finite one, what would follow if the exponent went on.
      const above = low + 1 === infinity ? 2 ** (2 ** (exponentBits - 1)) : defined(low + 1);
      const tie = Math.fround((defined(low) + above) / 2);
      const [under, exact, over] = round(new Float32Array([neighbour(tie, -1), tie, neighbour(tie, 1)]));
      const even = low % 2 === 0 ? low : low + 1;
      if (under !== low || exact !== even || over !== low + 1) wrong.push(low);
      const [mirrored] = round(new Float32Array([-tie]));
      if (mirrored !== (even | 0x8000)) wrong.push(low | 0x8000);
    }
    expect(wrong).toEqual([]);
  });

  test("a NaN whose payload is cut away stays a NaN", () => {
    const barely = new Float32Array(new Uint32Array([0x7f800001, 0xff800001]).buffer);
    expect([...widen(round(barely))]).toEqual([NaN, NaN]);
  });
});

/** The float32 next to a positive one. */
function neighbour(value: number, step: number): number {
  const bits = new Uint32Array(new Float32Array([value]).buffer);
  bits[0] += step;
  return new Float32Array(bits.buffer)[0];
}
