export { type CpuBackendOptions, createCpuBackend, createCpuBackend as createBackend } from "./backend.ts";
export type { Precision } from "./elements.ts";
export type { Profile } from "./threads/control.ts";
export { scratchBytesOf } from "./scratchBytes.ts";
export { defaultThreads } from "./threads/chooseThreads.ts";
