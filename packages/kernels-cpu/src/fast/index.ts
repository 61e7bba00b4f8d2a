import type { Kernel } from "../kernel.ts";
import { referenceKernels } from "../ops/index.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { fastAttention } from "./attention.ts";
import { fastAttentionGrad } from "./attentionGrad.ts";
import { fastLinearCrossEntropy, fastLinearCrossEntropyGrad } from "./crossEntropy.ts";
import { fastLinearCrossEntropyWeightGrad } from "./crossEntropyWeightGrad.ts";
import { fastActivations, fastElementwise } from "./elementwise.ts";
import { fastMatmul } from "./matmul.ts";
import { fastRmsNorm, fastRmsNormGrad, fastRope } from "./rows.ts";

/** The float32 kernels: WebAssembly SIMD where it pays, the reference for the rest. */
export function fastKernels(wasm: WasmFunctions): ReadonlyMap<string, Kernel> {
  const kernels = {
    ...fastElementwise(wasm),
    ...fastActivations(wasm),
    matmul: fastMatmul(wasm),
    rmsNorm: fastRmsNorm(wasm),
    rmsNormGrad: fastRmsNormGrad(wasm),
    rope: fastRope(wasm),
    attention: fastAttention(wasm),
    attentionGrad: fastAttentionGrad(wasm),
    linearCrossEntropy: fastLinearCrossEntropy(wasm),
    linearCrossEntropyGrad: fastLinearCrossEntropyGrad(wasm),
    linearCrossEntropyWeightGrad: fastLinearCrossEntropyWeightGrad(wasm),
  };
  return new Map([...referenceKernels, ...(Object.entries(kernels) as unknown as [string, Kernel][])]);
}
