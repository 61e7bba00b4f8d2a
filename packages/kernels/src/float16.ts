/** Value of an IEEE 754 binary16 number given as its bits: 1 sign, 5 exponent and 10 fraction bits. */
export function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Bits of the float16 nearest to a float32 value, ties to even; magnitudes of 65520 and more become infinity. */
export function encodeHalf(value: number): number {
  float[0] = value;
  const sign = (word[0]! >>> 16) & 0x8000;
  const magnitude = word[0]! & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Adding the half of the last kept place, less one where that place is even, rounds by carrying.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Subnormals are multiples of 2^-24. Adding 0.5, whose last place that is, lets float32 round to them.
  float[0] = Math.fround(Math.abs(value)) + 0.5;
  return sign | (word[0]! - 0x3f000000);
}
