import { eliminateDeadCode, elementCount, externalTensors, type Backend, type HostArray, type Program } from "@sft/kernels";
import { randomProgram } from "@sft/kernels/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuBackend } from "./backend.ts";

/** The same program with every activation in a buffer of its own: no storage is shared. */
const unshared = (program: Program): Program => ({
  ...program,
  tensors: program.tensors.map((tensor, index) =>
    tensor.role === "activation" ? { ...tensor, role: "state", name: `activation ${index}` } : tensor,
  ),
});

/** Runs over fixed data: waves, small enough that products of products stay finite. */
async function outputOf(backend: Backend, program: Program): Promise<HostArray> {
  const buffers = new Map(externalTensors(program).map((tensor) => [tensor.name, backend.allocate(tensor)]));
  for (const tensor of externalTensors(program)) {
    if (tensor.role === "input" || tensor.role === "parameter") {
      backend.upload(
        buffers.get(tensor.name)!,
        Float32Array.from({ length: elementCount(tensor.shape) }, (_, index) => 0.1 * Math.sin(index + tensor.name.length)),
      );
    }
  }
  const executable = await backend.compile(program, buffers);
  backend.run(executable);
  const output = await backend.download(buffers.get("y")!);
  backend.free(executable);
  for (const buffer of buffers.values()) backend.free(buffer);
  return output;
}

describe("random programs", () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createCpuBackend({ threads: 1 });
  });
  afterAll(() => backend.dispose());

  it("give the same bits whether activations share storage or not, and without their dead code", async () => {
    let shared = 0;
    for (let seed = 0; seed < 60; seed++) {
      const program = randomProgram(seed, 5 + (seed % 25));
      const apart = await outputOf(backend, unshared(program));
      expect(await outputOf(backend, program), program.name).toEqual(apart);
      expect(await outputOf(backend, eliminateDeadCode(program)), program.name).toEqual(apart);
      if (apart.some((value) => value !== 0 && Number.isFinite(value))) shared++;
    }
    // Most programs must come to something, or equality would say little.
    expect(shared).toBeGreaterThan(40);
  });
});
