import { createCpuBackend } from "@sft/kernels-cpu";
import { conformance, halfCases } from "@sft/kernels/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createBackend } from "./node.ts";
import { describeOnGpu, testAdapter, testDeviceOptions } from "./testing/testDevice.ts";

const halves = testAdapter.adapter === null || (await createBackend(testDeviceOptions)).capabilities.halfWeights === true;

describeOnGpu("conformance", () => {
  conformance({
    name: "webgpu",
    createBackend: () => createBackend(testDeviceOptions),
    createReference: async () => createCpuBackend({ precision: "float64" }),
    skip: halves ? [] : [{ reason: "this adapter's shaders have no float16", cases: halfCases }],
    runner: { describe, it, beforeAll, afterAll },
  });
});
