/** Half the distance between 1 and the next float32: the largest relative error of one rounded operation. */
export const UNIT_ROUNDOFF: number = 2 ** -24;

/** How far a float32 result may be from the float64 one, and why. */
export interface Tolerance {
  /** Bound on |actual - expected| / max(|expected|, floor), Euclidean norms over the whole tensor. */
  readonly relativeL2: number;
  /** Least root mean square of the expected values that errors are measured against: the size of terms that cancel. */
  readonly floor: number;
  readonly reason: string;
  /**
   * How many operands of matrix products an element hangs on, each counted as often as its error is enlarged on the way: what backends
   * that round operands to less than float32 (`capabilities.productRoundoff`) are allowed on top, one such rounding for each. Default 0.
   */
  readonly productOperands?: number;
}

/** The same bits. */
export function exactly(reason: string): Tolerance {
  return { relativeL2: 0, floor: 0, reason };
}

/** At most `operations` rounded operations on each element, each off by one unit roundoff. */
export function rounded(operations: number, reason: string): Tolerance {
  return { relativeL2: operations * UNIT_ROUNDOFF, floor: 0, reason };
}

/**
 * A sum of `terms` products of random signs. Its partial sums grow like sqrt(k), so the roundings add up to about
 * 0.4 sqrt(terms) unit roundoffs of the result; 4 sqrt(terms) leaves room for any order of summation. `operations` counts
 * the roundings before and after.
 */
export function summed(terms: number, operations: number, reason: string): Tolerance {
  return { relativeL2: (4 * Math.sqrt(terms) + operations) * UNIT_ROUNDOFF, floor: 0, reason };
}

/** The bound of a tolerance for a backend that rounds operands of products with this relative error; 0 for one that does not. */
export function boundOf({ relativeL2, productOperands = 0 }: Tolerance, productRoundoff = 0): number {
  return relativeL2 + productOperands * productRoundoff;
}

/** The same tolerance for a result of products of this many operands. */
export function ofProducts(tolerance: Tolerance, productOperands: number): Tolerance {
  return { ...tolerance, productOperands };
}

/** The same tolerance where the result may be a small rest of terms of this size. */
export function withFloor(tolerance: Tolerance, floor: number): Tolerance {
  return { ...tolerance, floor };
}

/**
 * |actual - expected| / max(|expected|, floor * sqrt(n)). Where the expected value is not finite the actual one must not be
 * finite either, and the pair is left out; any other non-finite value gives Infinity.
 */
export function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>, floor = 0): number {
  if (actual.length !== expected.length) return Infinity;
  let error = 0;
  let size = 0;
  for (let index = 0; index < expected.length; index++) {
    if (Number.isFinite(actual[index]!) !== Number.isFinite(expected[index]!)) return Infinity;
    if (!Number.isFinite(expected[index]!)) continue;
    error += (actual[index]! - expected[index]!) ** 2;
    size += expected[index]! ** 2;
  }
  if (error === 0) return 0;
  return Math.sqrt(error) / Math.max(Math.sqrt(size), floor * Math.sqrt(expected.length));
}
