import { opTable, Tape, add, matmul } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits } from "./dispatch.ts";
import { defineKernel, inPlaceVariant } from "./kernel.ts";
import { listDispatches } from "./listDispatches.ts";
import { opEmitters } from "./ops/index.ts";
import { trainingStep } from "./testing/testProgram.ts";

it("has kernels for every op of the table", () => {
  expect([...opEmitters.keys()].sort()).toEqual([...opTable.keys()].sort());
});

const sum = defineKernel({
  label: "sum",
  workgroupSize: [64, 1],
  bindings: { a: "read f32", b: "read f32", y: "read_write f32" },
  parameters: { count: "u32" },
  body: "  if (lane < p.count) { y[lane] = a[lane] + b[lane]; }",
});

it("writes a kernel out as WGSL", () => {
  expect(sum.wgsl).toMatchInlineSnapshot(`
    "// sum
    @group(0) @binding(0) var<storage, read> a: array<f32>;
    @group(0) @binding(1) var<storage, read> b: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    struct Parameters { count: u32 }
    @group(0) @binding(3) var<uniform> p: Parameters;
    @compute @workgroup_size(64, 1, 1)
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
      if (lane < p.count) { y[lane] = a[lane] + b[lane]; }
    }
    "
  `);
});

it("binds a buffer that is read and written once", () => {
  const variant = inPlaceVariant(sum, "a", "y");
  expect(variant.bindings.map(({ name }) => name)).toEqual(["b", "y"]);
  expect(variant.source.body).toBe("  if (lane < p.count) { y[lane] = y[lane] + b[lane]; }");
});

it("never binds one storage as read and as written in a dispatch", () => {
  const program = trainingStep({ batch: 2, tokens: 8, width: 16, vocabulary: 33, supervised: 5 });
  for (const { kernel, bindings } of listDispatches(program, opTable, defaultLimits).dispatches) {
    const written = bindings.filter((_, index) => kernel.bindings[index]!.writes).map(({ storage }) => storage);
    const read = bindings.filter((_, index) => !kernel.bindings[index]!.writes).map(({ storage }) => storage);
    expect(
      read.filter((storage) => written.includes(storage)),
      kernel.label,
    ).toEqual([]);
    expect(new Set(written).size, kernel.label).toBe(written.length);
    // What WebGPU promises every device: eight storage buffers a stage.
    expect(bindings.length, kernel.label).toBeLessThanOrEqual(8);
  }
});

it("shares one pipeline among shapes", () => {
  const kernelOf = (m: number, n: number, k: number) => {
    const tape = new Tape("product");
    tape.apply(matmul, [tape.input("a", [m, k], "f32"), tape.input("b", [k, n], "f32")], {
      transposeA: false,
      transposeB: false,
      alpha: 1,
    });
    return listDispatches(tape.finish(), opTable, defaultLimits).dispatches[0]!.kernel;
  };
  expect(kernelOf(65, 70, 3)).toBe(kernelOf(100, 33, 900));
});

it("lists nothing for tensors without elements", () => {
  const tape = new Tape("empty");
  tape.apply(add, [tape.input("a", [0, 4], "f32"), tape.input("b", [0, 4], "f32")], {});
  expect(listDispatches(tape.finish(), opTable, defaultLimits).dispatches).toEqual([]);
});
