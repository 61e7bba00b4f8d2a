import { ProgramError } from "../errors.ts";
import { addedTo, defineOp, expectType, type Contribution, type OpDefinition } from "../op.ts";
import type { Value } from "../tape.ts";
import { describeType, elementCount } from "../tensor.ts";

/** y = a + b, same shape. */
export const add: OpDefinition<Record<never, never>> = defineOp({
  name: "add",
  infer(inputs) {
    expectType.count("add", inputs, 2);
    expectType.dtype("add", "a", inputs[0]!, "f32");
    expectType.dtype("add", "b", inputs[1]!, "f32");
    expectType.shape("add", "b", inputs[1]!, inputs[0]!.shape);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, outputGradients: [dy] }) => [passThrough(tape.add.bind(tape), dy!, tape), passThrough(tape.add.bind(tape), dy!, tape)],
  mayAlias: [
    [0, 0],
    [0, 1],
  ],
});

/** The gradient itself, without a copy when nothing is there yet. */
function passThrough(
  sum: (a: Value, b: Value, into?: Value) => Value,
  dy: Value,
  tape: { copy(value: Value, into?: Value): Value },
): Contribution {
  return (addend, into) => {
    if (addend) return sum(addend, dy, into);
    return into ? tape.copy(dy, into) : dy;
  };
}

/** y = a * b, same shape. */
export const multiply: OpDefinition<Record<never, never>> = defineOp({
  name: "multiply",
  infer(inputs) {
    expectType.count("multiply", inputs, 2);
    expectType.dtype("multiply", "a", inputs[0]!, "f32");
    expectType.dtype("multiply", "b", inputs[1]!, "f32");
    expectType.shape("multiply", "b", inputs[1]!, inputs[0]!.shape);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [a, b], outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(multiply, [dy!, b!], {})[0]!),
    addedTo(tape, () => tape.apply(multiply, [dy!, a!], {})[0]!),
  ],
  mayAlias: [
    [0, 0],
    [0, 1],
  ],
});

export type ScaleAttributes = { readonly factor: number };

/** y = factor * x. */
export const scale: OpDefinition<ScaleAttributes> = defineOp<ScaleAttributes>({
  name: "scale",
  infer(inputs) {
    expectType.count("scale", inputs, 1);
    expectType.dtype("scale", "x", inputs[0]!, "f32");
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, attributes, outputGradients: [dy] }) => [addedTo(tape, () => tape.apply(scale, [dy!], attributes)[0]!)],
  mayAlias: [[0, 0]],
});

/** y = x, any dtype. */
export const copy: OpDefinition<Record<never, never>> = defineOp({
  name: "copy",
  infer(inputs) {
    expectType.count("copy", inputs, 1);
    return [{ shape: inputs[0]!.shape, dtype: inputs[0]!.dtype }];
  },
  gradient: ({ tape, outputGradients: [dy] }) => [passThrough(tape.add.bind(tape), dy!, tape)],
});

export type ReshapeAttributes = { readonly rows: number };

/** The same elements in the same order, seen as [rows, elements / rows]: heads as rows of their own, and back. */
export const reshape: OpDefinition<ReshapeAttributes> = defineOp<ReshapeAttributes>({
  name: "reshape",
  infer(inputs, { rows }) {
    expectType.count("reshape", inputs, 1);
    expectType.dtype("reshape", "x", inputs[0]!, "f32");
    const elements = elementCount(inputs[0]!.shape);
    if (!Number.isInteger(rows) || rows < 1 || elements % rows !== 0) {
      throw new ProgramError("shape-mismatch", `reshape: ${describeType(inputs[0]!)} does not divide into ${rows} rows`, { op: "reshape" });
    }
    return [{ shape: [rows, elements / rows], dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [x], outputGradients: [dy] }) => [addedTo(tape, () => tape.apply(reshape, [dy!], { rows: x!.shape[0]! })[0]!)],
  mayAlias: [[0, 0]],
});

export type FillAttributes = { readonly value: number; readonly length: number };

/** y[0..length-1] = value. Shape [length]. */
export const fill: OpDefinition<FillAttributes> = defineOp<FillAttributes>({
  name: "fill",
  infer(inputs, { length }) {
    expectType.count("fill", inputs, 0);
    return [{ shape: [length], dtype: "f32" }];
  },
});

/** x[i] = 0 in place, any shape, f32. The input is the output. */
export const zero: OpDefinition<Record<never, never>> = defineOp({
  name: "zero",
  infer(inputs) {
    expectType.count("zero", inputs, 1);
    expectType.dtype("zero", "x", inputs[0]!, "f32");
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  mayAlias: [[0, 0]],
});

/** y = a / b, same shape. The divisor is a constant to the gradient. */
export const divide: OpDefinition<Record<never, never>> = defineOp({
  name: "divide",
  infer(inputs) {
    expectType.count("divide", inputs, 2);
    expectType.dtype("divide", "a", inputs[0]!, "f32");
    expectType.dtype("divide", "b", inputs[1]!, "f32");
    expectType.shape("divide", "b", inputs[1]!, inputs[0]!.shape);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, inputs: [, b], outputGradients: [dy], needs }) => {
    if (needs[1]) throw new ProgramError("no-gradient", "divide: no gradient by the divisor is defined", { op: "divide" });
    return [addedTo(tape, () => tape.apply(divide, [dy!, b!], {})[0]!), null];
  },
  mayAlias: [
    [0, 0],
    [0, 1],
  ],
});

export type SoftcapAttributes = { readonly cap: number };

/** y = cap * tanh(x / cap): Gemma 2's bound on logits. No gradient; the loss has the cap inside. */
export const softcap: OpDefinition<SoftcapAttributes> = defineOp<SoftcapAttributes>({
  name: "softcap",
  infer(inputs) {
    expectType.count("softcap", inputs, 1);
    expectType.dtype("softcap", "x", inputs[0]!, "f32");
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  mayAlias: [[0, 0]],
});
