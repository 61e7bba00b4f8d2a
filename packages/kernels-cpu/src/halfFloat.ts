import type { HostArray } from "@sft/kernels";

/** Value of an IEEE 754 binary16 number given as its bits: 1 sign, 5 exponent and 10 fraction bits. */
export function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The values of a float tensor: float16 ones are decoded, others are what they are. */
export function floatValues(data: HostArray): Exclude<HostArray, Uint16Array> {
  return data instanceof Uint16Array ? Float32Array.from(data, decodeHalf) : data;
}
