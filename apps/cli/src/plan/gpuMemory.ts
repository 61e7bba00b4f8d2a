import { opTable, type Program } from "@sft/kernels";
import { defaultLimits, HALF_COPIES_FROM, listDispatches, type KernelLimits } from "@sft/kernels-webgpu";
import type { PlanRequest } from "./planTraining.ts";

/**
 * What the WebGPU backend needs for a program, as `planTraining` asks for it: `mixed` on a device with matrix units, which stores
 * activations and frozen weights as float16.
 */
export function gpuMemory(
  mixed: boolean,
  limits: KernelLimits = { ...defaultLimits, maxBindingBytes: 2 ** 31 - 256 },
): Required<Pick<PlanRequest, "scratchOf" | "capabilities">> {
  const scratchOf = (program: Program): number => listDispatches(program, opTable, { ...limits, matrixUnits: mixed }).plan.activationBytes;
  return {
    scratchOf,
    capabilities: {
      backend: "webgpu",
      partAlignment: 128,
      halfWeights: true,
      halfCopiesFrom: HALF_COPIES_FROM,
      ...(mixed ? { productRoundoff: 2 ** -11 } : {}),
    },
  };
}
