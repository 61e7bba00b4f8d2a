import type { OpEmitter } from "../dispatch.ts";
import { attention } from "./attention/attention.ts";
import { attentionGrad } from "./attention/attentionGrad.ts";
import { cachedAttention, writeCache } from "./attention/generation.ts";
import { addBias, columnSum } from "./bias/bias.ts";
import { linearCrossEntropy } from "./crossEntropy/linearCrossEntropy.ts";
import { linearCrossEntropyGrad, linearCrossEntropyWeightGrad } from "./crossEntropy/linearCrossEntropyGrad.ts";
import { activation, activationGrad, gatedActivation, gatedActivationGrad } from "./elementwise/activation.ts";
import { padColumns, rowNorm, scaleColumns, sliceColumns } from "./columns.ts";
import { add, cast, copy, divide, fill, multiply, reshape, scale, softcap, zero } from "./elementwise/arithmetic.ts";
import { dropout } from "./elementwise/dropout.ts";
import { addNoise } from "./elementwise/noise.ts";
import { embedding, embeddingGrad } from "./embedding/embedding.ts";
import { gatherRows, scatterRows } from "./embedding/gatherRows.ts";
import { matmul } from "./matmul/matmul.ts";
import { dequantizeNf4 } from "./nf4.ts";
import { layerNorm, layerNormGrad, layerNormWeightGrad } from "./normalisation/layerNorm.ts";
import { rmsNorm, rmsNormGrad, rmsNormWeightGrad } from "./normalisation/rmsNorm.ts";
import { elementDirection, factoredDirection } from "./optimiser/adafactor.ts";
import { adamw8bit } from "./optimiser/adamw8bit.ts";
import { adamw } from "./optimiser/adamw.ts";
import { gradNorm, unscaleNorm } from "./optimiser/gradNorm.ts";
import { descend, divideByNorm, lion, momentum, sgd } from "./optimiser/updates.ts";
import { rope } from "./rope.ts";

/** The kernels of every op. Adding an op touches this table and its own file. */
export const opEmitters: ReadonlyMap<string, OpEmitter> = new Map(
  Object.entries({
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
  }),
);
