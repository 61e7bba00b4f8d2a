import type { MatmulOperands } from "./matmul.ts";

/** Terms of each sum of a product, by b: rows of an a that is not transposed may be longer, and are read up to here. */
export function depthOf({ b }: MatmulOperands, transposeB: boolean): number {
  return transposeB ? b.shape[1]! : b.shape[0]!;
}
