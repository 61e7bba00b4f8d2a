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
export { truncationStrategies, type TruncationStrategy } from "./truncation.ts";
export { shiftTargets, type ShiftedRow } from "./shiftTargets.ts";
export { type BatchOptions, type TokenBatch } from "./tokenBatch.ts";
export { padBatch } from "./padBatch.ts";
export { planPacking, type PackedPiece, type PackingOptions, type PackingOverflow, type PackingStrategy } from "./packing/planPacking.ts";
export { packExamples, type PackExamplesOptions, packPlanned } from "./packing/packExamples.ts";
export { type LabelOptions, toLabels } from "./labels.ts";
export { explain, type TokenExplanation } from "./explain.ts";
export { measureSupervisedShare, type SupervisedShare } from "./supervisedShare.ts";
export { assertPromptParity } from "./promptParity.ts";
export { diffMasks, type MaskChange, type MaskState } from "./diffMasks.ts";
export { doctor, type DoctorOptions } from "./doctor/doctor.ts";
export { type DoctorContext, type DoctorRow, type DoctorRule, type Finding, type Severity, type Symptom } from "./doctor/finding.ts";
export { doctorRules } from "./doctor/rules/index.ts";
