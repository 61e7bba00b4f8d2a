import { ProgramError } from "../errors.ts";
import { addedTo, defineOp, expectType, type OpDefinition } from "../op.ts";
import { describeType, type TensorType } from "../tensor.ts";

export type RmsNormAttributes = {
  readonly epsilon: number;
  /** Added to the weight: 1 for Gemma, else 0. */ readonly weightOffset: number;
};

/** A row of x[N, G*H] holds G groups as wide as the weight[H]; each is normalised alone (G = 1 for a hidden state, G = heads for a query). */
function expectGroupsAndWeight(op: string, x: TensorType, weight: TensorType): readonly [groups: number, width: number] {
  expectType.rank(op, "x", x, 2);
  expectType.rank(op, "weight", weight, 1);
  expectType.dtype(op, "x", x, "f32");
  expectType.dtype(op, "weight", weight, "f32");
  const width = weight.shape[0]!;
  if (x.shape[1]! % width !== 0) {
    throw new ProgramError("shape-mismatch", `${op}: the ${width} weights must divide the columns of x, got ${describeType(x)}`, { op });
  }
  return [(x.shape[0]! * x.shape[1]!) / width, width];
}

/**
 * y = x * rstd * (weight + weightOffset), rstd = 1 / sqrt(mean over the group of x^2 + epsilon) (Zhang & Sennrich 2019).
 * x[N, G*H], weight[H]: G groups a row, so that a norm over each head is the same op. Outputs y[N, G*H], rstd[N*G].
 */
export const rmsNorm: OpDefinition<RmsNormAttributes> = defineOp<RmsNormAttributes>({
  name: "rmsNorm",
  infer(inputs) {
    expectType.count("rmsNorm", inputs, 2);
    const [rows] = expectGroupsAndWeight("rmsNorm", inputs[0]!, inputs[1]!);
    return [
      { shape: inputs[0]!.shape, dtype: "f32" },
      { shape: [rows], dtype: "f32" },
    ];
  },
  gradient: ({ tape, inputs: [x, weight], outputs: [, rstd], attributes, outputGradients: [dy] }) => [
    addedTo(tape, () => tape.apply(rmsNormGrad, [dy!, x!, weight!, rstd!], attributes)[0]!),
    (addend, into) =>
      tape.apply(rmsNormWeightGrad, addend ? [dy!, x!, rstd!, addend] : [dy!, x!, rstd!], { width: weight!.shape[0]! }, [into])[0]!,
  ],
});

/** dx like x: rstd * (g - x * rstd^2 * mean over the group of g * x), g = dy * (weight + weightOffset). Inputs dy, x, weight, rstd. */
export const rmsNormGrad: OpDefinition<RmsNormAttributes> = defineOp<RmsNormAttributes>({
  name: "rmsNormGrad",
  infer(inputs) {
    expectType.count("rmsNormGrad", inputs, 4);
    const [rows] = expectGroupsAndWeight("rmsNormGrad", inputs[1]!, inputs[2]!);
    expectType.shape("rmsNormGrad", "dy", inputs[0]!, inputs[1]!.shape);
    expectType.shape("rmsNormGrad", "rstd", inputs[3]!, [rows]);
    return [{ shape: inputs[1]!.shape, dtype: "f32" }];
  },
});

export type NormWeightGradAttributes = { /** H, the length of the weight. */ readonly width: number };

function expectGroups(op: string, dy: TensorType, x: TensorType, statistics: readonly TensorType[], width: number): void {
  expectType.rank(op, "x", x, 2);
  expectType.shape(op, "dy", dy, x.shape);
  for (const statistic of statistics) expectType.shape(op, "row statistics", statistic, [(x.shape[0]! * x.shape[1]!) / width]);
}

/** dWeight[H] = sum over groups of dy * x * rstd, plus the optional addend[H]. Inputs dy, x, rstd, addend. */
export const rmsNormWeightGrad: OpDefinition<NormWeightGradAttributes> = defineOp<NormWeightGradAttributes>({
  name: "rmsNormWeightGrad",
  infer(inputs, { width }) {
    expectType.count("rmsNormWeightGrad", inputs, 3, 4);
    const [dy, x, rstd, addend] = inputs;
    expectGroups("rmsNormWeightGrad", dy!, x!, [rstd!], width);
    if (addend) expectType.shape("rmsNormWeightGrad", "addend", addend, [width]);
    return [{ shape: [width], dtype: "f32" }];
  },
  mayAlias: [[0, 3]],
});

export type LayerNormAttributes = { readonly epsilon: number };

/** y = (x - mean) * rstd * weight + bias by groups as in rmsNorm, variance without Bessel's correction. Inputs x, weight[H], bias[H]; outputs y, mean[N*G], rstd[N*G]. */
export const layerNorm: OpDefinition<LayerNormAttributes> = defineOp<LayerNormAttributes>({
  name: "layerNorm",
  infer(inputs) {
    expectType.count("layerNorm", inputs, 3);
    const [rows, width] = expectGroupsAndWeight("layerNorm", inputs[0]!, inputs[1]!);
    expectType.shape("layerNorm", "bias", inputs[2]!, [width]);
    return [
      { shape: inputs[0]!.shape, dtype: "f32" },
      { shape: [rows], dtype: "f32" },
      { shape: [rows], dtype: "f32" },
    ];
  },
  gradient: ({ tape, inputs: [x, weight], outputs: [, mean, rstd], outputGradients: [dy], needs }) => {
    const weightGradients =
      needs[1] || needs[2] ? tape.apply(layerNormWeightGrad, [dy!, x!, mean!, rstd!], { width: weight!.shape[0]! }) : null;
    return [
      addedTo(tape, () => tape.apply(layerNormGrad, [dy!, x!, weight!, mean!, rstd!], {})[0]!),
      weightGradients && addedTo(tape, () => weightGradients[0]!),
      weightGradients && addedTo(tape, () => weightGradients[1]!),
    ];
  },
});

/** dx like x: rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd. Inputs dy, x, weight, mean, rstd. */
export const layerNormGrad: OpDefinition<Record<never, never>> = defineOp({
  name: "layerNormGrad",
  infer(inputs) {
    expectType.count("layerNormGrad", inputs, 5);
    const [rows] = expectGroupsAndWeight("layerNormGrad", inputs[1]!, inputs[2]!);
    expectType.shape("layerNormGrad", "dy", inputs[0]!, inputs[1]!.shape);
    expectType.shape("layerNormGrad", "mean", inputs[3]!, [rows]);
    expectType.shape("layerNormGrad", "rstd", inputs[4]!, [rows]);
    return [{ shape: inputs[1]!.shape, dtype: "f32" }];
  },
});

/** dWeight[H] = sum over groups of dy * xhat, dBias[H] = sum over groups of dy. Inputs dy, x, mean, rstd. */
export const layerNormWeightGrad: OpDefinition<NormWeightGradAttributes> = defineOp<NormWeightGradAttributes>({
  name: "layerNormWeightGrad",
  infer(inputs, { width }) {
    expectType.count("layerNormWeightGrad", inputs, 4);
    const [dy, x, mean, rstd] = inputs;
    expectGroups("layerNormWeightGrad", dy!, x!, [mean!, rstd!], width);
    return [
      { shape: [width], dtype: "f32" },
      { shape: [width], dtype: "f32" },
    ];
  },
});
