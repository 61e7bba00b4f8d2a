import { encodeHalf, type Capabilities } from "@sft/kernels";

/** How a backend best holds weights that are not trained: in float16 where its products round them to that anyway. */
export function frozenWeightsFor({ halfWeights, productRoundoff = 0 }: Capabilities): "float32" | "float16" {
  return halfWeights && productRoundoff >= 2 ** -11 ? "float16" : "float32";
}

/** A weight in float16: element i is scale * decodeHalf(bits[i]), and scale is a power of two. */
export interface HalfWeight {
  readonly bits: Uint16Array;
  readonly scale: number;
}

/** Largest finite float16. */
const LARGEST = 65504;
/**
 * Least root mean square of a weight that needs no scale. Roundings below float16's normal range, 2^-14, are off by up to 2^-25: of a
 * tensor of this size that is 2^-13, a quarter of what rounding its normal values costs.
 */
const LEAST_RMS = 2 ** -12;
/** Where the largest magnitude of a scaled weight goes: a factor of two and more below float16's end. */
const TOP_EXPONENT = 14;

/** The power of two by which a tensor's values are divided before they are rounded to float16: 1 where its range fits. */
export function halfScale(largest: number, rms: number): number {
  if (largest === 0 || !Number.isFinite(largest) || (largest <= LARGEST && rms >= LEAST_RMS)) return 1;
  return 2 ** (Math.floor(Math.log2(largest)) - TOP_EXPONENT);
}

/** Rounds float32 values to float16, to nearest with ties to even, with a scale where float16's range is too small. */
export function halfFromFloat32(values: Float32Array): HalfWeight {
  let largest = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > largest) largest = magnitude;
    squares += magnitude * magnitude;
  }
  const scale = halfScale(largest, Math.sqrt(squares / values.length));
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = encodeHalf(values[i]! / scale);
  return { bits, scale };
}

/** The same of bfloat16 values given as their bits, of which there are so few that they are counted and looked up. */
export function halfFromBfloat16(values: Uint16Array): HalfWeight {
  const counts = new Uint32Array(1 << 16);
  for (let i = 0; i < values.length; i++) counts[values[i]!]!++;
  const numbers = bfloat16Numbers();
  let largest = 0;
  let squares = 0;
  counts.forEach((count, bits) => {
    if (count === 0) return;
    largest = Math.max(largest, Math.abs(numbers[bits]!));
    squares += count * numbers[bits]! ** 2;
  });
  const scale = halfScale(largest, Math.sqrt(squares / values.length));
  const table = Uint16Array.from(numbers, (value) => encodeHalf(value / scale));
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = table[values[i]!]!;
  return { bits: halves, scale };
}

let known: Float32Array | undefined;

/** Every bfloat16 by its bits, the upper half of a float32's. */
function bfloat16Numbers(): Float32Array {
  known ??= new Float32Array(Uint32Array.from({ length: 1 << 16 }, (_, bits) => bits << 16).buffer);
  return known;
}
