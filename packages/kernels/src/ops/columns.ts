import { ProgramError } from "../errors.ts";
import { addedTo, defineOp, expectType, type OpDefinition } from "../op.ts";
import { columnSum } from "./bias.ts";
import { multiply } from "./elementwise.ts";

/** y[N] = Euclidean norm of each row of x[N,M]. No gradient: DoRA treats its weight norm as a constant (Liu et al. 2024, 4.3). */
export const rowNorm: OpDefinition<Record<never, never>> = defineOp({
  name: "rowNorm",
  infer(inputs) {
    expectType.count("rowNorm", inputs, 1);
    expectType.rank("rowNorm", "x", inputs[0]!, 2);
    expectType.dtype("rowNorm", "x", inputs[0]!, "f32");
    return [{ shape: [inputs[0]!.shape[0]!], dtype: "f32" }];
  },
});

/** y[N,M] = x[N,M] * c[M], each column by its own factor. */
export const scaleColumns: OpDefinition<Record<never, never>> = defineOp({
  name: "scaleColumns",
  infer(inputs) {
    expectType.count("scaleColumns", inputs, 2);
    expectType.rank("scaleColumns", "x", inputs[0]!, 2);
    expectType.dtype("scaleColumns", "x", inputs[0]!, "f32");
    expectType.dtype("scaleColumns", "factors", inputs[1]!, "f32");
    expectType.shape("scaleColumns", "factors", inputs[1]!, [inputs[0]!.shape[1]!]);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [x, factors], outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(scaleColumns, [dy!, factors!], {})[0]!),
    (addend, into) => {
      const products = tape.apply(multiply, [dy!, x!], {})[0]!;
      return tape.apply(columnSum, addend ? [products, addend] : [products], {}, [into])[0]!;
    },
  ],
  mayAlias: [[0, 0]],
});

export type SliceColumnsAttributes = { readonly start: number; readonly width: number };

/** y[N,width] = columns start .. start+width-1 of x[N,M]: one part of a fused projection. */
export const sliceColumns: OpDefinition<SliceColumnsAttributes> = defineOp<SliceColumnsAttributes>({
  name: "sliceColumns",
  infer(inputs, { start, width }) {
    expectType.count("sliceColumns", inputs, 1);
    expectType.rank("sliceColumns", "x", inputs[0]!, 2);
    expectType.dtype("sliceColumns", "x", inputs[0]!, "f32");
    expectRange("sliceColumns", start, width, inputs[0]!.shape[1]!);
    return [{ shape: [inputs[0]!.shape[0]!, width], dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [x], attributes, outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(padColumns, [dy!], { start: attributes.start, total: x!.shape[1]! })[0]!),
  ],
});

export type PadColumnsAttributes = { readonly start: number; readonly total: number };

/** y[N,total] holds x[N,M] from column `start` on and 0 elsewhere: the gradient of `sliceColumns`. */
export const padColumns: OpDefinition<PadColumnsAttributes> = defineOp<PadColumnsAttributes>({
  name: "padColumns",
  infer(inputs, { start, total }) {
    expectType.count("padColumns", inputs, 1);
    expectType.rank("padColumns", "x", inputs[0]!, 2);
    expectType.dtype("padColumns", "x", inputs[0]!, "f32");
    expectRange("padColumns", start, inputs[0]!.shape[1]!, total);
    return [{ shape: [inputs[0]!.shape[0]!, total], dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [x], attributes, outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(sliceColumns, [dy!], { start: attributes.start, width: x!.shape[1]! })[0]!),
  ],
});

function expectRange(op: string, start: number, width: number, total: number): void {
  if (Number.isInteger(start) && Number.isInteger(width) && start >= 0 && width >= 1 && start + width <= total) return;
  throw new ProgramError("shape-mismatch", `${op}: columns ${start} to ${start + width} do not lie inside ${total}`, { op });
}
