import { createCpuBackend } from "@sft/kernels-cpu";
import { conformanceCases, runConformanceCase } from "@sft/kernels/testing";
import { expect, it } from "vitest";
import { createNodeDevice } from "./node.ts";
import { describeOnGpu, testDeviceOptions } from "./testing/testDevice.ts";
import { createWebGpuBackend } from "./webGpuBackend.ts";

/** Slips into the WGSL of one kernel, as a programmer would make them. */
const slips: readonly { readonly cases: string; readonly right: string; readonly wrong: string }[] = [
  { cases: "matmul: nt 65x300x8, alpha 2", right: "p.alpha * values[j]", wrong: "values[j]" },
  { cases: "matmul: nn 67x130x66", right: "depth < p.k; depth += 16u", wrong: "depth + 16u < p.k; depth += 16u" },
  { cases: "attention: window and segments", right: "query - key >= p.window", wrong: "query - key > p.window" },
  {
    cases: "attention: packed segments",
    right: "return segments[sequence * p.tokens + query] == segments[sequence * p.tokens + key];",
    wrong: "return true;",
  },
  { cases: "rmsNorm: 3 rows of 1x1025", right: "base0 - xhat0 * slope", wrong: "base0" },
  { cases: "rmsNorm: 65 rows of 1x130", right: "other += 64u", wrong: "other += 128u" },
  {
    cases: "rmsNorm: 3 rows of 1x1025, gradient by x alone",
    right: "scale * scale * rowSum(products, lane)",
    wrong: "scale * rowSum(products, lane)",
  },
  { cases: "linearCrossEntropy: more rows than a tile", right: "slope -= p.onTarget", wrong: "slope += p.onTarget" },
];

/** The same device, with a text replaced in every shader. */
function withSlip(device: GPUDevice, right: string, wrong: string, found: () => void): GPUDevice {
  return new Proxy(device, {
    get(target, property) {
      if (property === "createShaderModule") {
        return (descriptor: GPUShaderModuleDescriptor) => {
          if (descriptor.code.includes(right)) found();
          return target.createShaderModule({ ...descriptor, code: descriptor.code.replaceAll(right, wrong) });
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describeOnGpu("the conformance suite", () => {
  it.each(slips)("notices $wrong for $right", async ({ cases, right, wrong }) => {
    const { device, info } = await createNodeDevice(testDeviceOptions);
    let found = false;
    const broken = withSlip(device, right, wrong, () => (found = true));
    const [whole, faulty] = await Promise.all([device, broken].map((one) => createWebGpuBackend({ device: one, adapterInfo: info })));
    const reference = await createCpuBackend({ precision: "float64" });
    const one = conformanceCases.find(({ name }) => name.startsWith(cases));
    expect(one, cases).toBeDefined();
    expect((await runConformanceCase(whole!, reference, one!)).pass).toBe(true);
    const result = await runConformanceCase(faulty!, reference, one!);
    expect(found).toBe(true);
    expect(result.error).toBeUndefined();
    expect(result.pass).toBe(false);
    await reference.dispose();
    device.destroy();
  });
});
