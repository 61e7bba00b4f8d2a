import { conformance, finiteDifferenceConformance } from "@sft/kernels/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createCpuBackend } from "./backend.ts";

const runner = { describe, it, beforeAll, afterAll };
const createReference = (): ReturnType<typeof createCpuBackend> => createCpuBackend({ precision: "float64" });

for (const threads of [1, 3]) {
  conformance({
    name: `cpu float32 on ${threads} thread(s)`,
    createBackend: () => createCpuBackend({ threads, worthThreadsOperations: 0 }),
    createReference,
    runner,
  });
}
finiteDifferenceConformance({ name: "cpu float64", createBackend: createReference, runner });
