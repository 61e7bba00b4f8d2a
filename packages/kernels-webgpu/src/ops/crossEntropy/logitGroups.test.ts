import {
  decodeHalf,
  elementCount,
  encodeHalf,
  linearCrossEntropy,
  linearCrossEntropyGrad,
  linearCrossEntropyWeightGrad,
  Tape,
  type HostArray,
} from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { relativeL2 } from "@sft/kernels/testing";
import { expect, it } from "vitest";
import { defaultLimits, resolveDispatch, type Dispatch, type Emitter } from "../../dispatch.ts";
import { defineKernel } from "../../kernel.ts";
import { createNodeDevice } from "../../nodeDevice.ts";
import type { Operand } from "../../operand.ts";
import { packParameters } from "../../parameterBlock.ts";
import { resultsOf } from "../../testing/boundTensors.ts";
import { launchKernel } from "../../testing/launchKernel.ts";
import { describeOnGpu, testDeviceOptions } from "../../testing/testDevice.ts";
import { lossAndGradients } from "./lossAndGradients.ts";

const [TOKENS, ROWS, VOCABULARY, HIDDEN] = [720, 700, 24, 16];
const limits = { ...defaultLimits, maxInvocationsPerWorkgroup: 1024, workgroupStorageBytes: 49152, matrixUnits: true };
const settings = { alpha: 0.5, softcap: 3, labelSmoothing: 0.1, zLoss: 0.01 };

const wave = (length: number, phase: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, (_, i) => decodeHalf(encodeHalf(Math.sin(phase + 1.7 * i + 0.3 * Math.sqrt(i)))));
const data: Readonly<Record<string, Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>> = {
  x: wave(TOKENS * HIDDEN, 1),
  weight: wave(VOCABULARY * HIDDEN, 2),
  rows: Int32Array.from({ length: ROWS }, (_, r) => (r % 5 === 3 ? -1 : TOKENS - 1 - r)),
  targets: Int32Array.from({ length: ROWS }, (_, r) => (r % 5 === 3 ? -100 : (r * 31) % VOCABULARY)),
  weights: wave(ROWS, 3),
  dLoss: Float32Array.of(0.7),
  dWeight: wave(VOCABULARY * HIDDEN, 4),
};

/** What a launch does, for a device without float16 and matrix units: products one element a thread, float16 as words. */
function plain(dispatch: Dispatch): Pick<Dispatch, "kernel" | "workgroups"> {
  const { source } = dispatch.kernel;
  const [, transposeA, transposeB] = /^matmul ([NT])([NT]) .*on matrix units, f16 f16 to f32$/.exec(source.label) ?? [];
  if (transposeA) {
    const value = (name: string): string => `unpack2x16float(${name}[${name}At / 8u][${name}At % 8u / 2u])[${name}At % 2u]`;
    const kernel = defineKernel({
      ...source,
      workgroupSize: [64, 1],
      enable: [],
      declarations: "",
      body: `
  let slot = group.x * 64u + lane;
  if (slot >= p.m * p.n) { return; }
  let row = slot / p.n;
  let column = slot % p.n;
  var sum = 0.0;
  for (var d = 0u; d < p.k; d++) {
    let aAt = p.aFirst + ${transposeA === "T" ? "d * p.aStride + row" : "row * p.aStride + d"};
    let bAt = p.bFirst + ${transposeB === "T" ? "column * p.bStride + d" : "d * p.bStride + column"};
    sum += ${value("a")} * ${value("b")};
  }
  let at = p.yFirst + row * p.yStride + column;
  y[at] = p.alpha * sum + select(0.0, y[at], p.accumulate != 0u);`,
    });
    const [m, n] = dispatch.parameters as [number, number];
    return { kernel, workgroups: [Math.ceil((m * n) / 64), 1, 1] };
  }
  if (source.label !== "gatherRows") return dispatch;
  const bindings = { ...source.bindings, x: "read vec2f", y: "read_write vec2f" } as const;
  return { ...dispatch, kernel: defineKernel({ ...source, enable: [], bindings, body: source.body.replaceAll("vec4h", "vec2f") }) };
}

/** Loss and gradients with the gradients of 600 rows at most side by side, in chunks of 256. */
async function asOnMatrixUnits(addend: boolean): Promise<ReadonlyMap<string, HostArray>> {
  const memory: { readonly type: Pick<Operand, "shape" | "dtype">; readonly name?: string }[] = [];
  const operand = (shape: readonly number[], dtype: Operand["dtype"], name?: string): Operand => {
    memory.push({ type: { shape, dtype }, ...(name ? { name } : {}) });
    return { shape, dtype, storage: memory.length - 1 };
  };
  const dispatches: Dispatch[] = [];
  const emitter: Emitter = {
    limits,
    scratch: ({ shape, dtype }) => operand(shape, dtype),
    dispatch: (...given) => void dispatches.push(resolveDispatch(...given)!),
  };
  const dWeight = operand([VOCABULARY, HIDDEN], "f32", "dWeight");
  const inputs = [
    operand([TOKENS, HIDDEN], "f16", "x"),
    operand([VOCABULARY, HIDDEN], "f16", "weight"),
    operand([ROWS], "i32", "rows"),
    operand([ROWS], "i32", "targets"),
    operand([ROWS], "f32", "weights"),
    operand([1], "f32", "dLoss"),
    ...(addend ? [dWeight] : []),
  ];
  const outputs = [operand([1], "f32", "loss"), operand([ROWS], "f32", "logSumExp"), operand([ROWS], "f32", "rowLoss")];
  outputs.push(operand([TOKENS, HIDDEN], "f32", "dx"), dWeight);
  const attributes = { ...settings, chunkRows: 256, gradientRows: 600 };
  lossAndGradients(emitter, { op: "lossAndGradients", inputs, outputs, attributes });

  const { device } = await createNodeDevice(testDeviceOptions);
  const buffers = memory.map(({ type, name }) => {
    const values = data[name ?? ""] ?? new Float32Array(elementCount(type.shape)).fill(7);
    const bytes = type.dtype === "f16" ? Uint16Array.from(values, encodeHalf) : values;
    const buffer = device.createBuffer({ size: bytes.byteLength, usage: 0x80 | 0x8 | 0x4 });
    device.queue.writeBuffer(buffer, 0, bytes);
    return buffer;
  });
  let results: readonly ArrayBuffer[] = [];
  for (const dispatch of dispatches) {
    const { bytes } = packParameters([dispatch]);
    const uniform = device.createBuffer({ size: bytes.length, usage: 0x40 | 0x8 });
    device.queue.writeBuffer(uniform, 0, bytes);
    const bound = dispatch.bindings.map(({ storage, byteOffset, byteLength }) => ({
      buffer: buffers[storage]!,
      offset: byteOffset,
      size: byteLength,
    }));
    const { kernel, workgroups } = plain(dispatch);
    results = await launchKernel(device, kernel.wgsl, [...bound, { buffer: uniform }], workgroups, buffers);
  }
  device.destroy();
  return new Map(
    memory.flatMap(({ name, type }, index) => (name && type.dtype === "f32" ? [[name, new Float32Array(results[index]!)]] : [])),
  );
}

/** The same in float64. */
async function exactly(addend: boolean): Promise<ReadonlyMap<string, HostArray>> {
  const tape = new Tape("loss");
  const [x, weight] = [tape.input("x", [TOKENS, HIDDEN], "f32"), tape.input("weight", [VOCABULARY, HIDDEN], "f32")];
  const inputs = [x, weight, tape.input("rows", [ROWS]), tape.input("targets", [ROWS]), tape.input("weights", [ROWS], "f32")];
  const logSumExp = tape.output("logSumExp", [ROWS]);
  tape.apply(linearCrossEntropy, inputs, settings, [tape.output("loss", [1]), logSumExp, tape.output("rowLoss", [ROWS])]);
  const read = [tape.input("dLoss", [1], "f32"), ...inputs, logSumExp];
  tape.apply(linearCrossEntropyGrad, read, settings, [tape.output("dx", [TOKENS, HIDDEN])]);
  const dWeight = tape.external("dWeight", "gradient", [VOCABULARY, HIDDEN]);
  tape.apply(linearCrossEntropyWeightGrad, [...read, ...(addend ? [dWeight] : [])], settings, [dWeight]);
  const oracle = await createCpuBackend({ precision: "float64", threads: 1 });
  const results = await resultsOf(oracle, tape.finish(), ({ name, shape }) => data[name] ?? new Float32Array(elementCount(shape)));
  await oracle.dispose();
  return results;
}

describeOnGpu("a loss whose chunks leave their gradients side by side", () => {
  it.each([false, true])(
    "has the values of float64, added to others %s",
    async (addend) => {
      const [actual, exact] = [await asOnMatrixUnits(addend), await exactly(addend)];
      // Operands are exact in float16, so that logits and losses have float32's roundoff: sums over 16, 24 and 700 elements, and 32 for functions.
      const single = (4 * Math.sqrt(16) + 4 * Math.sqrt(24) + 4 * Math.sqrt(700) + 32) * 2 ** -24;
      for (const name of ["loss", "rowLoss", "logSumExp"])
        expect(relativeL2(actual.get(name)!, exact.get(name)!), name).toBeLessThan(single);
      // The logits' gradient is rounded once, by 2^-11 at most.
      for (const name of ["dx", "dWeight"]) expect(relativeL2(actual.get(name)!, exact.get(name)!), name).toBeLessThan(2 ** -11 + single);
    },
    60_000,
  );
});
