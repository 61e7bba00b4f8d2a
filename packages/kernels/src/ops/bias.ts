import { defineOp, expectType, type OpDefinition } from "../op.ts";

/** y[N,M] = x[N,M] + b[M]. */
export const addBias: OpDefinition<Record<never, never>> = defineOp({
  name: "addBias",
  infer(inputs) {
    expectType.count("addBias", inputs, 2);
    expectType.rank("addBias", "x", inputs[0]!, 2);
    expectType.dtype("addBias", "x", inputs[0]!, "f32");
    expectType.dtype("addBias", "bias", inputs[1]!, "f32");
    expectType.shape("addBias", "bias", inputs[1]!, [inputs[0]!.shape[1]!]);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  gradient: ({ tape, outputGradients: [dy] }) => [
    (addend, into) => (addend ? tape.add(addend, dy!, into) : into ? tape.copy(dy!, into) : dy!),
    (addend, into) => tape.apply(columnSum, addend ? [dy!, addend] : [dy!], {}, [into])[0]!,
  ],
  mayAlias: [[0, 0]],
});

/** y[M] = sum over rows of x[N,M], plus the optional addend [M]. */
export const columnSum: OpDefinition<Record<never, never>> = defineOp({
  name: "columnSum",
  infer(inputs) {
    expectType.count("columnSum", inputs, 1, 2);
    expectType.rank("columnSum", "x", inputs[0]!, 2);
    expectType.dtype("columnSum", "x", inputs[0]!, "f32");
    const columns = inputs[0]!.shape[1]!;
    if (inputs[1]) expectType.shape("columnSum", "addend", inputs[1], [columns]);
    return [{ shape: [columns], dtype: "f32" }];
  },
  mayAlias: [[0, 1]],
});
