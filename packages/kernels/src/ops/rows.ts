import { ProgramError } from "../errors.ts";
import { addedTo, defineOp, expectType, type OpDefinition } from "../op.ts";
import type { TensorType } from "../tensor.ts";

/**
 * y[R,W] = x[N,W] (float16 or float32) at rows index[R]; a negative index gives a row of zeros. For its gradient no row may be named
 * twice.
 */
export const gatherRows: OpDefinition<Record<never, never>> = defineOp({
  name: "gatherRows",
  infer(inputs) {
    expectRows("gatherRows", inputs, "f32", "f16");
    return [{ shape: [inputs[1]!.shape[0]!, inputs[0]!.shape[1]!], dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [x, index], outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(scatterRows, [dy!, index!], { rows: x!.shape[0]! })[0]!),
    null,
  ],
});

export type ScatterRowsAttributes = { readonly rows: number };

/**
 * y[rows,W] holds row r of x[R,W] at index[R], and zeros in the rows that no index names: the gradient of `gatherRows`. A row with a
 * negative index is left out; that two rows have the same index of 0 or more, or one beyond y, is the caller's fault.
 */
export const scatterRows: OpDefinition<ScatterRowsAttributes> = defineOp<ScatterRowsAttributes>({
  name: "scatterRows",
  infer(inputs, { rows }) {
    expectRows("scatterRows", inputs, "f32");
    expectType.shape("scatterRows", "index", inputs[1]!, [inputs[0]!.shape[0]!]);
    if (!Number.isInteger(rows) || rows < 1)
      throw new ProgramError("shape-mismatch", `scatterRows: rows must be a positive integer, got ${rows}`, { op: "scatterRows" });
    return [{ shape: [rows, inputs[0]!.shape[1]!], dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [, index], outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(gatherRows, [dy!, index!], {})[0]!),
    null,
  ],
});

function expectRows(op: string, inputs: readonly TensorType[], ...allowed: readonly TensorType["dtype"][]): void {
  expectType.count(op, inputs, 2);
  expectType.rank(op, "x", inputs[0]!, 2);
  expectType.dtype(op, "x", inputs[0]!, ...allowed);
  expectType.rank(op, "index", inputs[1]!, 1);
  expectType.dtype(op, "index", inputs[1]!, "i32");
}
