import { opTable, type HostArray } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { conformanceCases, halfCases, relativeL2, runConformanceCase } from "@sft/kernels/testing";
import { expect, it } from "vitest";
import { defaultLimits } from "./dispatch.ts";
import { listDispatches } from "./listDispatches.ts";
import { createBackend } from "./node.ts";
import { resultsOf } from "./testing/boundTensors.ts";
import { describeOnGpu, testDeviceOptions } from "./testing/testDevice.ts";
import { fillStep, largestTensor, trainingStep, type TestModel } from "./testing/testProgram.ts";

const MEBIBYTE = 1024 * 1024;
/** Activations and tables a little over 1 MiB, and a loss of two chunks. */
const model: TestModel = { batch: 234, tokens: 16, width: 72, vocabulary: 3701, supervised: 66 };

it("binds no range over the limit, and works in more dispatches for it", () => {
  const program = trainingStep(model);
  const whole = listDispatches(program, opTable, { ...defaultLimits, maxBindingBytes: 64 * MEBIBYTE });
  const split = listDispatches(program, opTable, { ...defaultLimits, maxBindingBytes: MEBIBYTE });
  expect(largestTensor(program)).toBeGreaterThan(MEBIBYTE);
  expect(split.dispatches.length).toBeGreaterThan(1.5 * whole.dispatches.length);
  for (const dispatch of split.dispatches) {
    for (const range of dispatch.bindings) {
      expect(range.byteLength).toBeLessThanOrEqual(MEBIBYTE);
      expect(range.byteOffset % 256).toBe(0);
    }
  }
});

describeOnGpu("row ranges", () => {
  it("give a training step with a 1 MiB limit the results it has without", async () => {
    const program = trainingStep(model);
    const results: Map<string, HostArray>[] = [];
    for (const maxBindingBytes of [undefined, MEBIBYTE]) {
      const backend = await createBackend({ ...testDeviceOptions, ...(maxBindingBytes ? { maxBindingBytes } : {}) });
      results.push(await resultsOf(backend, program, (tensor) => fillStep(model, tensor)));
      await backend.dispose();
    }
    const [whole, split] = results as [Map<string, HostArray>, Map<string, HostArray>];
    expect(whole.get("loss")![0]).toBeGreaterThan(1);
    for (const [name, expected] of whole) {
      // Only the order of summation over up to 3744 rows differs: 4 sqrt(3744) roundoffs of 2^-24, times the depth of the chain of products behind it.
      expect(relativeL2(split.get(name)!, expected), name).toBeLessThan(4 * Math.sqrt(3744) * 2 ** -24 * 4);
    }
  }, 300_000);

  it("of 4 KiB keep every conformance case right or refuse it by name", async () => {
    const backend = await createBackend({ ...testDeviceOptions, maxBindingBytes: 4096 });
    const reference = await createCpuBackend({ precision: "float64" });
    const wrong: string[] = [];
    let passed = 0;
    for (const one of conformanceCases) {
      // Shaders without float16 cannot read such tensors, with or without a limit.
      if (!backend.capabilities.halfWeights && halfCases.includes(one.name)) continue;
      const result = await runConformanceCase(backend, reference, one);
      if (result.pass) passed++;
      else if (!/least that can be bound|of one row take/.test(String(result.error))) wrong.push(`${one.name}: ${String(result.error)}`);
    }
    await Promise.all([backend.dispose(), reference.dispose()]);
    expect(wrong).toEqual([]);
    expect(passed).toBeGreaterThan(0.6 * conformanceCases.length);
  }, 300_000);
});
