/** Operands of an op that its kernels read or write as float16 where `storeHalf` chose so; all others stay what the program says. */
export interface HalfSlots {
  readonly inputs?: readonly number[];
  readonly outputs?: readonly number[];
  /**
   * Pairs [output, input] that are stored alike: a sum is as precise as what it is added to, so that a product added to the
   * residual stream stays float32 although a product alone may be float16.
   */
  readonly alike?: readonly (readonly [output: number, input: number])[];
}

/** By op: the operands that may be float16. An op without a row has none. Its kernels compute in float32 all the same. */
export const halfOperands: ReadonlyMap<string, HalfSlots> = new Map(
  Object.entries<HalfSlots>({
    matmul: { inputs: [0, 1], alike: [[0, 2]] },
  }),
);
