import type { Precision } from "./elements.ts";
import { fastKernels } from "./fast/index.ts";
import type { Kernel } from "./kernel.ts";
import { referenceKernels } from "./ops/index.ts";
import { instantiateWasm } from "./wasm/instantiate.ts";
import type { WasmMemory } from "./wasm/webAssembly.ts";

/** The memory that kernels work in, as each thread knows it. */
export interface KernelMemory {
  readonly memory: WasmMemory;
  readonly maximumPages: number;
  readonly shared: boolean;
}

/** The kernels of one thread: the reference for float64, WebAssembly SIMD over it for float32. */
export function createKernels(precision: Precision, { memory, maximumPages, shared }: KernelMemory): ReadonlyMap<string, Kernel> {
  return precision === "float64" ? referenceKernels : fastKernels(instantiateWasm(memory, maximumPages, shared));
}
