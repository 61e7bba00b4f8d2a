/** Multiples of 1/64 below 1 by a seed: exact in float16, and their products in float32. */
export function sixtyFourths(length: number, seed: number): Float32Array {
  const values = new Float32Array(length);
  let state = seed * 2 + 1;
  for (let i = 0; i < length; i++) values[i] = (((state = (state * 48271) % 2147483647) % 127) - 63) / 64;
  return values;
}

/** Rows of `m` where blocks of 16, 64 and 128 begin and end. */
export const rowsAtEdges = (m: number): readonly number[] => [0, 1, 15, 16, 63, 64, 127, 128, 1000, m - 129, m - 128, m - 65, m - 8, m - 1];
