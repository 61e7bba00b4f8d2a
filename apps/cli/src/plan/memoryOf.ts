import { scratchBytesOf } from "@sft/kernels-cpu";
import type { Capabilities } from "@sft/kernels";
import { defaultLimits } from "@sft/kernels-webgpu";
import { gpuMemory } from "./gpuMemory.ts";
import type { PlanRequest } from "./planTraining.ts";

/** How a backend that is there uses memory, as `planTraining` asks for it; of a third party's, its capabilities alone. */
export function memoryOf(capabilities: Capabilities): Pick<PlanRequest, "scratchOf" | "capabilities"> {
  const { backend, adapter, maxBindingBytes, productRoundoff } = capabilities;
  if (backend === "webgpu") return { ...gpuMemory(productRoundoff !== undefined, { ...defaultLimits, maxBindingBytes }), capabilities };
  if (backend !== "cpu") return { capabilities };
  // "CPU, float32, 2 threads": each has scratch of its own.
  const threads = Number(/(\d+) threads?$/.exec(adapter)?.[1] ?? 1);
  return { capabilities, scratchOf: (program) => scratchBytesOf(program, threads) };
}
