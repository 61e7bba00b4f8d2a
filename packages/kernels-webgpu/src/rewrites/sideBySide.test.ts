import { copy, elementCount, rope, Tape, type Program, type TensorSpec } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { relativeL2 } from "@sft/kernels/testing";
import { expect, it } from "vitest";
import { defaultLimits, type Emitter } from "../dispatch.ts";
import { defineKernel, type Kernel } from "../kernel.ts";
import { createNodeDevice } from "../nodeDevice.ts";
import type { Operand } from "../operand.ts";
import { shapedKernel } from "../ops/matmul/shapedKernel.ts";
import { emitSideBySide, membersOf, sideBySideInstruction, sideBySideKernel } from "./sideBySide.ts";
import { resultsOf } from "../testing/boundTensors.ts";
import { emulateMatrixUnits } from "../testing/emulatedMatrixUnits.ts";
import { describeOnGpu, testDeviceOptions } from "../testing/testDevice.ts";
import { launchKernel, type Workgroups } from "../testing/launchKernel.ts";
import { createWebGpuBackend } from "../webGpuBackend.ts";

it("takes instructions apart again", () => {
  const members = [
    { op: "matmul", inputs: [1, 2], outputs: [3], attributes: { alpha: 2 } },
    { op: "matmul", inputs: [1, 5], outputs: [4], attributes: { alpha: 2 } },
  ];
  const together = sideBySideInstruction(members);
  expect(together.inputs).toEqual([1, 2, 1, 5]);
  expect(membersOf(together)).toEqual(members);
  expect(membersOf(members[0]!)).toEqual([members[0]]);
});

const named = (name: string, bindings: Kernel["source"]["bindings"]): Kernel =>
  defineKernel({ label: name, workgroupSize: [64, 1], bindings, parameters: { length: "u32" }, body: "" });
const first = named("first", { x: "read f32", y: "read_write f32" });
const second = named("second", { y: "read_write f32" });
const many = named("many", { x0: "read f32", x1: "read f32", x2: "read f32", x3: "read f32", y: "read_write f32" });

/** Labels of what members launch that each launch `kernels` in order on operands of their own but for a common x. */
function launches(members: number, kernels: readonly Kernel[], workgroups: number): readonly string[] {
  const labels: string[] = [];
  const emitter: Emitter = {
    limits: { ...defaultLimits, maxWorkgroupsPerDimension: 1000 },
    scratch: () => {
      throw new Error("no scratch");
    },
    dispatch: (kernel, bindings, parameters, size) => {
      const expected = kernel.bindings.map(({ name }) => name).toSorted();
      expect(Object.keys(bindings).toSorted()).toEqual(expected);
      expect(kernel.parameters.every(({ name }) => name in parameters)).toBe(true);
      labels.push(`${kernel.label}, ${expected.length} buffers, ${size.join(" x ")}`);
    },
  };
  const operand = (storage: number): Operand => ({ shape: [64], dtype: "f32", storage });
  const call = (member: number) => ({ op: "op", inputs: [operand(0)], outputs: [operand(1 + member)], attributes: {} });
  emitSideBySide(
    emitter,
    Array.from({ length: members }, (_, member) => call(member)),
    () =>
      (own, { inputs: [x], outputs: [y] }) => {
        for (const kernel of kernels) {
          const bound = kernel.bindings.map(
            ({ name }, slot) => [name, name === "y" ? y! : slot === 0 ? x! : operand(100 * slot + y!.storage)] as const,
          );
          own.dispatch(kernel, Object.fromEntries(bound), { length: 64 }, [workgroups, 2]);
        }
      },
  );
  return labels;
}

it("launches the first kernels of all members, then the second ones, and binds once what several read", () => {
  expect(launches(3, [first, second], 5)).toEqual(["first, 3 side by side, 4 buffers, 30", "second, 3 side by side, 3 buffers, 30"]);
});

it("launches no more together than buffers and workgroups allow, and nothing whose functions know operands or parameters", () => {
  expect(launches(3, [many], 5)).toEqual(["many, 2 side by side, 9 buffers, 20", "many, 5 buffers, 5 x 2 x 1"]);
  for (const declarations of ["fn last() -> f32 { return y[9]; }", "fn last() -> u32 { return p.length; }"])
    expect(launches(2, [defineKernel({ ...second.source, declarations })], 5)).toEqual([
      "second, 1 buffers, 5 x 2 x 1",
      "second, 1 buffers, 5 x 2 x 1",
    ]);
  expect(launches(2, [defineKernel({ ...second.source, declarations: "fn next(x: u32) -> u32 { return x + 1; }" })], 5)).toHaveLength(1);
  expect(launches(3, [second], 200)).toEqual(["second, 2 side by side, 2 buffers, 800", "second, 1 buffers, 200 x 2 x 1"]);
});

describeOnGpu("kernels side by side", () => {
  it("compute what each computes alone, with barriers, their own grids and a common operand", async () => {
    const tile = { tileM: 32, tileN: 32, tileK: 32, subgroupM: 32, subgroupN: 16 };
    const common = { tile, transposeA: false, transposeB: true, aStride: 64, bStride: 64, n: 72, wholeRows: false, parts: true } as const;
    const kernel = emulateMatrixUnits(shapedKernel({ ...common, a: "f32", b: "f32", y: "f32", addend: "none" }));
    const { device } = await createNodeDevice(testDeviceOptions);
    const buffer = (values: Float32Array<ArrayBuffer>): GPUBuffer => {
      const made = device.createBuffer({ size: values.byteLength, usage: 0x80 | 0x8 | 0x4 });
      device.queue.writeBuffer(made, 0, values);
      return made;
    };
    const random = (length: number, seed: number) => buffer(Float32Array.from({ length }, (_, i) => Math.sin(seed + i * 1.7)));
    const rows = [40, 64];
    const b = random(72 * 64, 3);
    const operands = rows.map((m, i) => ({ a: random(m * 64, i), m }));
    const run = async (
      one: Kernel,
      bound: readonly GPUBuffer[],
      words: readonly number[],
      results: readonly GPUBuffer[],
      workgroups: Workgroups,
    ) => {
      const parameters = device.createBuffer({ size: 256, usage: 0x40 | 0x8 });
      const view = new DataView(new ArrayBuffer(256));
      one.parameters.forEach(({ type }, i) =>
        type === "f32" ? view.setFloat32(4 * i, words[i]!, true) : view.setUint32(4 * i, words[i]!, true),
      );
      device.queue.writeBuffer(parameters, 0, view.buffer);
      const bindings = [...bound, parameters].map((one) => ({ buffer: one }));
      const read = await launchKernel(device, one.wgsl, bindings, workgroups, results);
      return read.map((bytes) => [...new Float32Array(bytes)]);
    };
    const result = (m: number): GPUBuffer => buffer(new Float32Array(2 * m * 72));
    const alone: number[][] = [];
    for (const { a, m } of operands) {
      const y = result(m);
      alone.push(...(await run(kernel, [a, b, y], [m, 64, 32, 1], [y], [3, 2, 2])));
    }
    const together = sideBySideKernel(kernel, [
      ["a_0", "b_0", "y_0"],
      ["a_1", "b_0", "y_1"],
    ]);
    const ys = rows.map(result);
    const words = rows.flatMap((m) => [m, 64, 32, 1, 3, 2, 2]);
    expect(await run(together, [operands[0]!.a, b, ys[0]!, operands[1]!.a, ys[1]!], words, ys, [24])).toEqual(alone);
    expect(alone.flat().every((value) => value !== 0)).toBe(true);
    device.destroy();
  });

  it("turn query and key of different widths in one launch of a program", async () => {
    const program = turned();
    const { device } = await createNodeDevice(testDeviceOptions);
    const texts: string[] = [];
    const createShaderModule = device.createShaderModule.bind(device);
    const needed = ["shader-f16", "chromium-experimental-subgroup-matrix"];
    Object.defineProperty(device, "features", { value: new Set([...device.features, ...needed]) });
    Object.defineProperty(device, "createShaderModule", {
      value: (descriptor: GPUShaderModuleDescriptor) => {
        texts.push(descriptor.code);
        return createShaderModule(descriptor);
      },
    });
    const units = { componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 };
    const adapterInfo = { vendor: "", architecture: "", device: "", description: "", subgroupMaxSize: 32, subgroupMatrixConfigs: [units] };
    const gpu = await createWebGpuBackend({ device, precision: "mixed", adapterInfo, ownsDevice: true });
    const filled = ({ name, dtype, shape }: TensorSpec): Float32Array | Int32Array => {
      const values = Array.from({ length: elementCount(shape) }, (_, i) => (dtype === "i32" ? i % 5 : Math.sin(name.length + i)));
      return dtype === "i32" ? Int32Array.from(values) : Float32Array.from(values);
    };
    const [actual, expected] = await Promise.all(
      [gpu, await createCpuBackend({ precision: "float64" })].map(async (backend) => {
        const results = await resultsOf(backend, program, filled);
        await backend.dispose();
        return ["q", "k"].map((name) => results.get(name)!);
      }),
    );
    expect(texts.filter((text) => text.includes("rope, 2 side by side"))).toHaveLength(1);
    // Two products and a sum of values up to 1: a few roundings of 2^-24.
    expected!.forEach((values, i) => expect(relativeL2(actual![i]!, values)).toBeLessThan(4 * 2 ** -24));
  });
});

/** Rope of a query with six heads and a key with two. */
function turned(): Program {
  const tape = new Tape("turned");
  const positions = tape.input("positions", [40]);
  const angles = ["cos", "sin"].map((name) => tape.input(name, [8, 4], "f32"));
  for (const [name, heads] of [
    ["q", 6],
    ["k", 2],
  ] as const) {
    const x = tape.input(`${name}.x`, [40, 8 * heads], "f32");
    const y = tape.apply(rope, [x, positions, ...angles], { headDim: 8, rotaryDim: 8, inverse: false })[0]!;
    tape.apply(copy, [y], {}, [tape.output(name, [40, 8 * heads])]);
  }
  return tape.finish();
}
