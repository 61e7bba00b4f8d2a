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

/**
 * By op: the operands that may be float16; its kernels compute in float32 all the same. An op without a row has none: sums
 * (`add`), since they make up the residual stream and gradients, and everything of the optimiser.
 */
export const halfOperands: ReadonlyMap<string, HalfSlots> = new Map(
  Object.entries<HalfSlots>({
    matmul: { inputs: [0, 1, 2], outputs: [0], alike: [[0, 2]] },
    addBias: { inputs: [0], outputs: [0] },
    columnSum: { inputs: [0] },
    scaleColumns: { inputs: [0], outputs: [0] },
    sliceColumns: { inputs: [0], outputs: [0] },
    padColumns: { inputs: [0], outputs: [0] },
    reshape: { inputs: [0], outputs: [0] },
    dropout: { inputs: [0], outputs: [0] },
    dequantizeNf4: { outputs: [0] },
    rmsNorm: { outputs: [0] },
    rmsNormGrad: { inputs: [0] },
    rmsNormWeightGrad: { inputs: [0] },
    layerNorm: { outputs: [0] },
    layerNormGrad: { inputs: [0] },
    layerNormWeightGrad: { inputs: [0] },
    rope: { inputs: [0], outputs: [0] },
    activation: { inputs: [0], outputs: [0] },
    activationGrad: { inputs: [0, 1], outputs: [0] },
    attention: { inputs: [0, 1, 2], outputs: [0] },
    attentionGrad: { inputs: [0, 1, 2, 3, 5], outputs: [0, 1, 2] },
    gatedActivation: { inputs: [0, 1], outputs: [0] },
    gatedActivationGrad: { inputs: [0, 1, 2], outputs: [0, 1] },
    gatherRows: { inputs: [0], outputs: [0] },
    scatterRows: { inputs: [0], outputs: [0] },
    linearCrossEntropy: { inputs: [0] },
    linearCrossEntropyGrad: { inputs: [1], outputs: [0] },
    linearCrossEntropyWeightGrad: { inputs: [1] },
    lossAndGradients: { inputs: [0], outputs: [3] },
  }),
);
