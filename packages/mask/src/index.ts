export { type ExampleSpan, type ExampleWarning, type Example, type DropReason } from "./example.ts";
export { type MaskTokenizer } from "./maskTokenizer.ts";
export { type ControlTokenPolicy, type TokenOffsets } from "./tokenOffsets.ts";
export {
  createMaskPolicy,
  type EncodingMode,
  type MaskPolicy,
  type MaskPolicyName,
  maskPolicyNames,
  type MaskPolicyOverrides,
  resolveMaskPolicy,
  type StraddlePolicy,
  type TrainedTurns,
} from "./maskPolicy.ts";
export { MaskError, type MaskErrorCode } from "./maskError.ts";
export { defaultMaskPolicy, encodeExamples, type EncodeOptions, encodeRendering } from "./encodeRendering.ts";
export { type TruncationStrategy } from "./truncation.ts";
export { shiftTargets, type ShiftedRow } from "./shiftTargets.ts";
export { type BatchOptions, type TokenBatch } from "./tokenBatch.ts";
export { padBatch } from "./padBatch.ts";
