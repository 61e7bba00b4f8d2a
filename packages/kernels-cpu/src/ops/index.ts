import type { Kernel } from "../kernel.ts";
import { elementDirection, factoredDirection } from "./adafactor.ts";
import { adamw8bit } from "./adamw8bit.ts";
import { activation, activationGrad, gatedActivation, gatedActivationGrad } from "./activation.ts";
import { attention, attentionGrad } from "./attention.ts";
import { addBias, columnSum } from "./bias.ts";
import { cast } from "./cast.ts";
import { padColumns, rowNorm, scaleColumns, sliceColumns } from "./columns.ts";
import { linearCrossEntropy, linearCrossEntropyGrad, linearCrossEntropyWeightGrad } from "./crossEntropy.ts";
import { dropout } from "./dropout.ts";
import { add, copy, divide, fill, multiply, reshape, scale, softcap, zero } from "./elementwise.ts";
import { embedding, embeddingGrad } from "./embedding.ts";
import { cachedAttention, writeCache } from "./generation.ts";
import { layerNorm, layerNormGrad, layerNormWeightGrad } from "./layerNorm.ts";
import { matmul } from "./matmul.ts";
import { adamw, gradNorm, unscaleNorm } from "./optimiser.ts";
import { dequantizeNf4 } from "./nf4.ts";
import { addNoise } from "./noise.ts";
import { rmsNorm, rmsNormGrad, rmsNormWeightGrad } from "./rmsNorm.ts";
import { rope } from "./rope.ts";
import { gatherRows, scatterRows } from "./rows.ts";
import { descend, divideByNorm, lion, momentum, sgd } from "./updates.ts";

const kernels = {
  embedding,
  embeddingGrad,
  gatherRows,
  scatterRows,
  matmul,
  addBias,
  columnSum,
  rowNorm,
  scaleColumns,
  sliceColumns,
  padColumns,
  add,
  multiply,
  divide,
  scale,
  softcap,
  copy,
  cast,
  reshape,
  fill,
  zero,
  dropout,
  addNoise,
  dequantizeNf4,
  rmsNorm,
  rmsNormGrad,
  rmsNormWeightGrad,
  layerNorm,
  layerNormGrad,
  layerNormWeightGrad,
  rope,
  attention,
  attentionGrad,
  writeCache,
  cachedAttention,
  activation,
  activationGrad,
  gatedActivation,
  gatedActivationGrad,
  linearCrossEntropy,
  linearCrossEntropyGrad,
  linearCrossEntropyWeightGrad,
  gradNorm,
  unscaleNorm,
  adamw,
  adamw8bit,
  sgd,
  lion,
  momentum,
  divideByNorm,
  descend,
  factoredDirection,
  elementDirection,
};

/** The readable kernel of every op, in float32 or float64 storage alike: the oracle that fast kernels are compared with. */
export const referenceKernels: ReadonlyMap<string, Kernel> = new Map(Object.entries(kernels) as unknown as [string, Kernel][]);
