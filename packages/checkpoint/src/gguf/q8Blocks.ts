import { float32ToFloat16 } from "../float16.ts";

/** Elements of a Q8_0 block. */
export const q8BlockLength = 32;
/** Bytes of a block: a float16 scale, then 32 signed bytes. */
export const q8BlockBytes = 34;

/**
 * ggml's Q8_0: each 32 values become whole numbers from -127 to 127 times a float16 scale, the largest magnitude / 127.
 * Divisions and products are float32 and halves round away from zero, as in ggml's reference, so the bytes are the same.
 * `values.length` is a multiple of 32. Gives undefined when a scale is beyond float16 (magnitudes over 8.3 million) or NaN.
 */
export function encodeQ8(values: Float32Array): Uint8Array | undefined {
  const count = values.length / q8BlockLength;
  const bytes = new Uint8Array(count * q8BlockBytes);
  const view = new DataView(bytes.buffer);
  const scales = new Float32Array(count);
  for (let block = 0; block < count; block++) {
    const start = block * q8BlockLength;
    let largest = 0;
    for (let index = start; index < start + q8BlockLength; index++) {
      const magnitude = Math.abs(values[index]!);
      if (!(magnitude <= largest)) largest = magnitude;
    }
    const scale = Math.fround(largest / 127);
    if (!(scale < 65520)) return undefined;
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    for (let index = 0; index < q8BlockLength; index++) {
      view.setInt8(block * q8BlockBytes + 2 + index, roundHalfAway(Math.fround(values[start + index]! * inverse)));
    }
  }
  float32ToFloat16(scales).forEach((half, block) => view.setUint16(block * q8BlockBytes, half, true));
  return bytes;
}

function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
}
