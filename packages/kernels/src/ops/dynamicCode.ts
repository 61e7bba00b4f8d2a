/**
 * The 256 values of the dynamic 8-bit data type (Dettmers et al. 2022, "8-bit optimizers via block-wise quantization", section
 * 2.1), ascending, between -1 (0 when unsigned) and 1. For each of seven powers of ten from 1e-6 to 1 it holds the middles of
 * 1, 2, 4, ... 64 equal parts of [0.1, 1] (twice as many when unsigned), their negatives when signed, and 0 and 1.
 */
export function dynamicCode(signed: boolean): Float32Array {
  const values = [0, 1];
  for (let exponent = 0; exponent < 7; exponent++) {
    const parts = 2 ** exponent * (signed ? 1 : 2);
    for (let part = 0; part < parts; part++) {
      const value = 10 ** (exponent - 6) * (0.1 + (0.9 * (part + 0.5)) / parts);
      values.push(value, ...(signed ? [-value] : []));
    }
  }
  return Float32Array.from(values).sort();
}

/** Index of the value of an ascending code that is nearest to x; of two as near, the lower. */
export function nearestCode(code: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = code.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (code[middle]! <= x) low = middle;
    else high = middle - 1;
  }
  return low + 1 < code.length && x > (code[low]! + code[low + 1]!) / 2 ? low + 1 : low;
}
