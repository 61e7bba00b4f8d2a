import type { OpDefinition } from "../op.ts";
import { factoredDirection, elementDirection } from "./adafactor.ts";
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
import { matmul } from "./matmul.ts";
import { dequantizeNf4 } from "./nf4.ts";
import { addNoise } from "./noise.ts";
import { layerNorm, layerNormGrad, layerNormWeightGrad, rmsNorm, rmsNormGrad, rmsNormWeightGrad } from "./normalisation.ts";
import { adamw, gradNorm, unscaleNorm } from "./optimiser.ts";
import { rope } from "./rope.ts";
import { gatherRows, scatterRows } from "./rows.ts";
import { descend, divideByNorm, lion, momentum, sgd } from "./updates.ts";

const definitions = [
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
] as readonly unknown[] as readonly OpDefinition[];

/** Every op by name: what a backend implements and what a program may contain. */
export const opTable: ReadonlyMap<string, OpDefinition> = new Map(definitions.map((op) => [op.name, op]));
