/// <reference types="@webgpu/types" />
export { createBackend, type NodeBackendOptions, type TuningOptions } from "./nodeBackend.ts";
export { createNodeDevice, type NodeDevice, type NodeDeviceOptions } from "./nodeDevice.ts";
export type { KernelTiming } from "./dispatchTimer.ts";
