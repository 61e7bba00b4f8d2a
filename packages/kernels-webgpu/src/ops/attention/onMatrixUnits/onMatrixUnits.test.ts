import { addBias, attention, attentionGrad, opTable, Tape, type Value } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../../../dispatch.ts";
import { storeHalf } from "../../../rewrites/halfStorage.ts";
import type { Kernel } from "../../../kernel.ts";
import { listDispatches } from "../../../listDispatches.ts";
import { createNodeDevice } from "../../../nodeDevice.ts";
import { keyShape, queryShape } from "./blockShape.ts";
import { forwardKernel } from "./forward.ts";
import { keyGradKernel } from "./keyGrad.ts";
import { queryGradKernel } from "./queryGrad.ts";

// Numbers need matrix units: bench/src/gpuAttention.ts compares them with float64 on a GPU. Here the text is type-checked by Dawn.
const kernels = [16, 48, 64, 80, 96, 112, 128].flatMap((headDim) =>
  [false, true].flatMap((softcap) =>
    [false, true].flatMap((half) => {
      const all = { dOut: half, q: half, k: half, v: half, out: half, dq: half, dk: half, dv: half };
      return [
        forwardKernel(queryShape(headDim), all, softcap),
        queryGradKernel(queryShape(headDim), all, softcap),
        keyGradKernel(keyShape(headDim), all, softcap),
      ];
    }),
  ),
);

it("is WGSL that Dawn accepts, for every head size", async () => {
  const { device } = await createNodeDevice({ graphics: "null" });
  for (const kernel of new Set(kernels)) {
    device.pushErrorScope("validation");
    const { messages } = await device.createShaderModule({ code: kernel.wgsl }).getCompilationInfo();
    expect(messages.map(({ message, lineNum }) => `${kernel.label}, line ${lineNum}: ${message}`)).toEqual([]);
    expect(await device.popErrorScope()).toBeNull();
  }
});

it("keeps within the 48 KiB of workgroup memory that such devices have", () => {
  const bytes: Record<string, number> = { vec4u: 16, vec4f: 16, vec4i: 16, f32: 4, u32: 4 };
  for (const { wgsl, label } of kernels) {
    const sizes = [...wgsl.matchAll(/var<workgroup> \w+: (?:array<(\w+), (\d+)>|u32)/g)].map(([, element, count]) =>
      element ? bytes[element]! * Number(count) : 4,
    );
    expect(
      sizes.reduce((all, one) => all + one, 0),
      label,
    ).toBeLessThanOrEqual(49152);
  }
});

function labels(limits: KernelLimits, headDim: number): string[] {
  const tape = new Tape("attention");
  const attributes = { batch: 1, queryHeads: 2, keyValueHeads: 1, headDim, scale: 1, window: 0, softcap: 0 };
  const [q, k, v, dOut] = [
    tape.input("q", [8, 2 * headDim], "f32"),
    tape.input("k", [8, headDim], "f32"),
    tape.input("v", [8, headDim], "f32"),
    tape.input("dOut", [8, 2 * headDim], "f32"),
  ];
  const segments = tape.input("segments", [8], "i32");
  const [out, logSumExp] = tape.apply(attention, [q, k, v, segments], attributes);
  tape.apply(attentionGrad, [dOut, q, k, v, segments, out!, logSumExp!], attributes);
  return listDispatches(tape.finish(), opTable, limits).dispatches.map(({ kernel }) => kernel.label);
}

it("is chosen where there are matrix units and a head is whole matrices", () => {
  const limits = { ...defaultLimits, workgroupStorageBytes: 49152, matrixUnits: true };
  expect(labels(limits, 64)).toEqual([
    "attention 64 on matrix units",
    "attentionGrad 64 on matrix units, queries",
    "attentionGrad 64 on matrix units, keys",
  ]);
  for (const others of [
    labels(defaultLimits, 64),
    labels(limits, 72),
    labels(limits, 256),
    labels({ ...limits, workgroupStorageBytes: 32768 }, 64),
  ]) {
    expect(others.filter((label) => label.includes("matrix units"))).toEqual([]);
    expect(others).toHaveLength(4);
  }
});

/** The kernels of both directions, with operands and results that pass through an op which reads and writes float16. */
function kernelsOnActivations(headDim: number): readonly Kernel[] {
  const limits = { ...defaultLimits, workgroupStorageBytes: 49152, matrixUnits: true };
  const tape = new Tape("attention");
  const attributes = { batch: 1, queryHeads: 2, keyValueHeads: 1, headDim, scale: 1, window: 0, softcap: 0 };
  const biased = (x: Value, name: string, to?: Value): Value =>
    tape.apply(addBias, [x, tape.input(`${name}Bias`, [x.shape[1]!], "f32")], {}, to && [to])[0]!;
  const given = (name: string, heads: number): Value => biased(tape.input(name, [8, heads * headDim], "f32"), name);
  const [q, k, v, dOut] = [given("q", 2), given("k", 1), given("v", 1), given("dOut", 2)];
  const segments = tape.input("segments", [8], "i32");
  const [out, logSumExp] = tape.apply(attention, [q, k, v, segments], attributes);
  const gradients = tape.apply(attentionGrad, [dOut, q, k, v, segments, out!, logSumExp!], attributes);
  gradients.forEach((gradient, index) => biased(gradient, `d${index}`, tape.output(`d${index}`, gradient.shape)));
  const { dispatches } = listDispatches(storeHalf(tape.finish(), limits), opTable, limits);
  return dispatches.map(({ kernel }) => kernel).filter(({ label }) => label.startsWith("attention"));
}

it("reads and writes float16 activations, with the portable kernels too, four or one at a time", async () => {
  const { device } = await createNodeDevice({ graphics: "null" });
  for (const [headDim, element] of [
    [64, "vec4u"],
    [72, "vec4h"],
    [50, "f16"],
  ] as const) {
    const all = kernelsOnActivations(headDim);
    const [forward, byQueries, byKeys] = [all.at(0), all.at(-2), all.at(-1)];
    for (const [kernel, names] of [
      [forward!, ["q", "k", "v", "out"]],
      [byQueries!, ["dOut", "q", "k", "v", "dq", ...(element === "vec4u" ? ["out"] : [])]],
      [byKeys!, ["dOut", "q", "k", "v", "dk", "dv"]],
    ] as const) {
      for (const name of names) expect(kernel.wgsl, `${kernel.label}: ${name}`).toMatch(new RegExp(`> ${name}: array<${element}>;`));
      const { messages } = await device.createShaderModule({ code: kernel.wgsl }).getCompilationInfo();
      expect(
        messages.map(({ message }) => message),
        kernel.label,
      ).toEqual([]);
    }
  }
});
