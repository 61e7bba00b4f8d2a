import { BackendError } from "@sft/kernels";

/** Alignment of storage-buffer offsets that every WebGPU device accepts. */
const OFFSET_ALIGNMENT = 256;

/** Rows [start, start + count) that one dispatch works on. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/**
 * Splits `rows` so that no operand's part passes `maxBytes` and every part starts at a bindable offset. `rowSizes` are the
 * bytes of one row of each operand that is split together. One range when everything fits.
 * @throws BackendError "unsupported-op" when the smallest part that can be bound is too large.
 */
export function rowRanges(what: string, rows: number, rowSizes: readonly number[], maxBytes: number): readonly RowRange[] {
  const widest = Math.max(...rowSizes);
  if (rows * widest <= maxBytes) return rows === 0 ? [] : [{ start: 0, count: rows }];
  const step = rowSizes.reduce(
    (multiple, bytes) => leastCommonMultiple(multiple, OFFSET_ALIGNMENT / greatestCommonDivisor(bytes, OFFSET_ALIGNMENT)),
    1,
  );
  const count = Math.floor(maxBytes / widest / step) * step;
  if (count === 0) {
    throw new BackendError(
      "unsupported-op",
      `${what}: ${step} rows of ${widest} bytes are the least that can be bound at once, the device binds ${maxBytes} bytes`,
      {
        hint: "Use a shorter sequence or a smaller batch, or a device with a larger maxStorageBufferBindingSize.",
      },
    );
  }
  return Array.from({ length: Math.ceil(rows / count) }, (_, index) => ({
    start: index * count,
    count: Math.min(count, rows - index * count),
  }));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function leastCommonMultiple(a: number, b: number): number {
  return (a / greatestCommonDivisor(a, b)) * b;
}
