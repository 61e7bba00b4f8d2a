import { decodeHalf, type HostArray } from "@sft/kernels";

/** The values of a float tensor, or of `length` of its elements from `start` on: float16 ones are decoded, others are what they are. */
export function floatValues(data: HostArray, start: number = 0, length: number = data.length - start): Exclude<HostArray, Uint16Array> {
  const part = start === 0 && length === data.length ? data : data.subarray(start, start + length);
  return part instanceof Uint16Array ? Float32Array.from(part, decodeHalf) : part;
}
