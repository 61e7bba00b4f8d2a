import { cast, copy, layerNorm, layerNormGrad, matmul, opTable, rmsNorm, rmsNormGrad, Tape, type Program, type Value } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../dispatch.ts";
import { fuseCopy } from "./fuseCopy.ts";
import { listDispatches } from "../listDispatches.ts";
import { createBackend } from "../node.ts";
import { createNodeDevice } from "../nodeDevice.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";

type Norm = "rmsNormGrad" | "layerNormGrad";

/** A norm's gradient added to a stream, and a product of a copy of the sum; `between` many instructions stand before the copy. */
function gradient(norm: Norm, width: number, between = 0): Program {
  const tape = new Tape("gradient");
  const input = (name: string, shape: readonly number[]): Value => tape.input(name, shape, "f32");
  const [x, dy, w] = [input("x", [70, width]), input("dy", [70, width]), input("w", [width])];
  const dx =
    norm === "rmsNormGrad"
      ? tape.apply(rmsNormGrad, [dy, x, w, tape.apply(rmsNorm, [x, w], { epsilon: 1e-5, weightOffset: 0 })[1]!], {
          epsilon: 1e-5,
          weightOffset: 0,
        })[0]!
      : tape.apply(layerNormGrad, [dy, x, w, ...tape.apply(layerNorm, [x, w, input("b", [width])], { epsilon: 1e-5 }).slice(1)], {})[0]!;
  for (let i = 0; i < between; i++) tape.apply(copy, [dx], {}, [tape.output(`read${i}`, [70, width])]);
  const half = tape.apply(cast, [dx], { dtype: "f16" })[0]!;
  tape.apply(matmul, [half, input("A", [16, width])], { transposeA: false, transposeB: true, alpha: 1 }, [
    tape.output("product", [70, 16]),
  ]);
  tape.apply(copy, [dx], {}, [tape.output("dx", [70, width])]);
  return tape.finish();
}

it.each(["rmsNormGrad", "layerNormGrad"] as const)("lets %s write the copy", (norm) => {
  const program = gradient(norm, 64);
  const fused = fuseCopy(program);
  expect(fused.instructions.map(({ op }) => op)).toEqual(program.instructions.map(({ op }) => op).filter((op) => op !== "cast"));
  const [writer, product] = [norm, "matmul"].map((op) => fused.instructions.find((one) => one.op === op)!);
  expect(writer!.outputs).toHaveLength(2);
  expect(product!.inputs[0]).toBe(writer!.outputs[1]);
});

it("leaves a copy that is made much later, of another op's result, or that the caller binds", () => {
  const later = gradient("rmsNormGrad", 64, 9);
  expect(fuseCopy(later)).toBe(later);
  const tape = new Tape("others");
  const x = tape.input("x", [4, 8], "f32");
  const sum = tape.add(x, x);
  tape.apply(copy, [tape.apply(cast, [sum], { dtype: "f16" })[0]!], {}, [tape.output("half", [4, 8], "f16")]);
  const others = tape.finish();
  expect(fuseCopy(others)).toBe(others);
  const bound = gradient("rmsNormGrad", 64);
  const copied = bound.instructions.find(({ op }) => op === "cast")!.outputs[0]!;
  const external: Program = { ...bound, tensors: bound.tensors.map((one, i) => (i === copied ? { ...one, role: "output" } : one)) };
  expect(fuseCopy(external)).toBe(external);
});

it("writes WGSL that Dawn accepts", async () => {
  const limits: KernelLimits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };
  const { device } = await createNodeDevice({ graphics: "null" });
  for (const norm of ["rmsNormGrad", "layerNormGrad"] as const) {
    for (const width of [64, 70, 2048]) {
      const { kernel } = listDispatches(gradient(norm, width), opTable, limits).dispatches.find((one) => one.kernel.label === norm)!;
      expect(kernel.bindings.filter(({ writes }) => writes)).toHaveLength(2);
      device.pushErrorScope("validation");
      const { messages } = await device.createShaderModule({ code: kernel.wgsl }).getCompilationInfo();
      expect(messages.map(({ message, lineNum }) => `${norm}, line ${lineNum}: ${message}`)).toEqual([]);
      expect(await device.popErrorScope()).toBeNull();
    }
  }
});

describeOnGpu("a norm's gradient and its copy", () => {
  // The software GPU has no float16: the copy is a float32 one here, by the same text with another type.
  it.each([
    ["rmsNormGrad", 64],
    ["rmsNormGrad", 70],
    ["layerNormGrad", 64],
    ["layerNormGrad", 1030],
  ] as const)("%s over %i columns writes what it writes alone, twice", async (norm, width) => {
    const plain = gradient(norm, width);
    const float32: Program = { ...plain, tensors: plain.tensors.map((one) => (one.dtype === "f16" ? { ...one, dtype: "f32" } : one)) };
    const backend = await createBackend(testDeviceOptions);
    const results = await Promise.all(
      [float32, copyReadBack(float32)].map(async (program) => {
        const bound = program.tensors.filter(({ role }) => role !== "activation");
        const buffers = new Map(bound.map((tensor) => [tensor.name, backend.allocate(tensor)]));
        for (const { name, role } of bound) {
          const { length } = buffers.get(name)!;
          if (role === "input")
            backend.upload(
              buffers.get(name)!,
              Float32Array.from({ length }, (_, i) => Math.sin(name.length + i * 1.3)),
            );
        }
        backend.run(await backend.compile(program, buffers));
        const names = ["dx", ...(buffers.has("copied") ? ["copied"] : [])];
        return Promise.all(names.map((name) => backend.download(buffers.get(name)!)));
      }),
    );
    const [[alone], [dx, copied]] = results as [Float32Array[], Float32Array[]];
    expect(dx).toEqual(alone);
    expect(copied).toEqual(alone);
    expect(alone!.some((value) => value !== 0)).toBe(true);
    await backend.dispose();
  });
});

/** The program with its copy written by the norm, and the copy handed to the caller. */
function copyReadBack(program: Program): Program {
  const cast = program.instructions.find(({ op }) => op === "cast")!;
  const copied = { ...program.tensors[cast.outputs[0]!]!, name: "copied", role: "output" as const };
  const tensors = [...program.tensors, copied];
  const instructions = program.instructions
    .filter((one) => one !== cast)
    .map((one) => (one.outputs.includes(cast.inputs[0]!) ? { ...one, outputs: [...one.outputs, tensors.length - 1] } : one))
    .map((one) => ({ ...one, inputs: one.inputs.map((index) => (index === cast.outputs[0] ? cast.inputs[0]! : index)) }));
  return { ...program, tensors, instructions };
}
