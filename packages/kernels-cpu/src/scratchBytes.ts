import { opTable, planMemory, type Program } from "@sft/kernels";
import { fastKernels } from "./fast/index.ts";
import { measureScratch } from "./placedProgram.ts";
import type { WasmFunctions } from "./wasm/instantiate.ts";

/** Bytes of activations and scratch that the float32 backend takes for a program on so many threads; nothing is allocated. */
export function scratchBytesOf(program: Program, threads: number = 1): number {
  // Kernels state their scratch without computing, so that the functions they would call need not be there.
  const { sharedBytes, ownBytes } = measureScratch(program, fastKernels({} as WasmFunctions));
  return planMemory(program, opTable).activationBytes + sharedBytes + threads * ownBytes;
}
