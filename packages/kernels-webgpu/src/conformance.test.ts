import { createCpuBackend } from "@sft/kernels-cpu";
import { conformance } from "@sft/kernels/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createBackend } from "./node.ts";
import { testAdapter, testDeviceOptions } from "./testDevice.ts";

describe.skipIf(testAdapter.adapter === null)(`on ${testAdapter.adapter ?? `no adapter: ${testAdapter.reason}`}`, () => {
  conformance({
    name: "webgpu",
    createBackend: () => createBackend(testDeviceOptions),
    createReference: async () => createCpuBackend({ precision: "float64" }),
    runner: { describe, it, beforeAll, afterAll },
  });
});
