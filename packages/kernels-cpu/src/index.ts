export { type CpuBackendOptions, createCpuBackend, createCpuBackend as createBackend } from "./backend.ts";
export type { Precision } from "./elements.ts";
