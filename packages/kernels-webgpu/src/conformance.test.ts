import { createCpuBackend } from "@sft/kernels-cpu";
import { conformance } from "@sft/kernels/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createBackend } from "./node.ts";
import { describeOnGpu, testDeviceOptions } from "./testing/testDevice.ts";

describeOnGpu("conformance", () => {
  conformance({
    name: "webgpu",
    createBackend: () => createBackend(testDeviceOptions),
    createReference: async () => createCpuBackend({ precision: "float64" }),
    runner: { describe, it, beforeAll, afterAll },
  });
});
