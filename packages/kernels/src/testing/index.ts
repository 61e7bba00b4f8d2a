export { brokenBackend, type Fault, type KernelCall } from "./brokenBackend.ts";
export { checkParts } from "./checkParts.ts";
export { conformanceCases, halfCases } from "./cases/index.ts";
export * from "./conformance.ts";
export * from "./conformanceCase.ts";
export { describeProgram } from "./describeProgram.ts";
export { differentiableCases, runFiniteDifferences } from "./finiteDifferences.ts";
export { recordCase, type Check, type RecordedCase } from "./recordCase.ts";
export {
  describeResult,
  runConformance,
  runConformanceCase,
  type CaseResult,
  type CheckResult,
  type RunConformanceOptions,
} from "./runConformance.ts";
export { randomProgram } from "./randomProgram.ts";
export * from "./tolerance.ts";
