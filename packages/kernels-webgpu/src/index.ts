/// <reference types="@webgpu/types" />
export { createWebGpuBackend, type WebGpuBackendOptions } from "./webGpuBackend.ts";
export { HALF_COPIES_FROM, type AdapterInfo } from "./deviceAbilities.ts";
export { defaultLimits, type BoundRange, type Dispatch, type KernelLimits, type TileLookup } from "./dispatch.ts";
export { type Kernel, type KernelSource } from "./kernel.ts";
export { listDispatches, type DispatchList, type Storage } from "./listDispatches.ts";
export type { TileChoices, TileStore } from "./tuning/tileTuner.ts";
