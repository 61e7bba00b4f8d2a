export * from "./backend.ts";
export { checkPart } from "./bufferPart.ts";
export * from "./backward.ts";
export { eliminateDeadCode } from "./deadCode.ts";
export * from "./errors.ts";
export { decodeHalf, encodeHalf } from "./float16.ts";
export { estimateFlops, type FlopEstimate } from "./flops.ts";
export { type Attributes, type Contribution, defineOp, type GradientContext, type OpDefinition } from "./op.ts";
export * from "./ops/adafactor.ts";
export * from "./ops/adamw8bit.ts";
export * from "./ops/activation.ts";
export * from "./ops/attention.ts";
export * from "./ops/bias.ts";
export { cast, type CastAttributes } from "./ops/cast.ts";
export * from "./ops/columns.ts";
export * from "./ops/crossEntropy.ts";
export * from "./ops/dropout.ts";
export * from "./ops/dynamicCode.ts";
export * from "./ops/elementwise.ts";
export * from "./ops/embedding.ts";
export * from "./ops/generation.ts";
export { opTable } from "./ops/index.ts";
export * from "./ops/matmul.ts";
export * from "./ops/nf4.ts";
export * from "./ops/noise.ts";
export * from "./ops/normalisation.ts";
export * from "./ops/optimiser.ts";
export * from "./ops/rope.ts";
export * from "./ops/rows.ts";
export {
  descend,
  type DescendAttributes,
  divideByNorm,
  type DivideByNormAttributes,
  lion,
  type LionAttributes,
  momentum,
  type MomentumAttributes,
  sgd,
  type SgdAttributes,
} from "./ops/updates.ts";
export { lowerProgram } from "./lower.ts";
export { type MemoryPlan, planMemory, type ScratchRequest } from "./plan.ts";
export { createPlanningBackend, type PlanningBackend } from "./planningBackend.ts";
export * from "./program.ts";
export { recomputeBlocks } from "./recompute.ts";
export { recomputeCheap } from "./recomputeCheap.ts";
export { rematerialise } from "./rematerialise.ts";
export * from "./tape.ts";
export * from "./tensor.ts";
export { wrapBackend } from "./wrapBackend.ts";
