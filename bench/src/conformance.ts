// Runs the conformance suite on this machine's GPU (or on --backend cpu) and prints a line a failed case and the totals.
import type { Backend } from "@sft/kernels";
import { describeResult, runConformance } from "@sft/kernels/testing";
import { createCpuBackend } from "@sft/kernels-cpu";

const onCpu = process.argv.includes("cpu");
const create = async (): Promise<Backend> =>
  onCpu
    ? createCpuBackend({ threads: 1 })
    : (await import("@sft/kernels-webgpu/node")).createBackend(process.argv.includes("mixed") ? { precision: "mixed" } : {});
const backend = await create();
const reference = await createCpuBackend({ precision: "float64", threads: 1 });
const results = await runConformance(backend, reference);
for (const result of results) if (!result.pass) console.log(describeResult(result));
const failed = results.filter(({ pass }) => !pass).length;
console.log(
  `conformance on ${backend.capabilities.backend} (${backend.capabilities.adapter}): ${results.length - failed} passed, ${failed} failed`,
);
await backend.dispose();
await reference.dispose();
process.exitCode = failed > 0 ? 1 : 0;
