import { attention, attentionGrad, decodeHalf, elementCount, encodeHalf, Tape, type AttentionAttributes, type Value } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { expect, it } from "vitest";
import type { Kernel } from "../../../kernel.ts";
import { createNodeDevice } from "../../../nodeDevice.ts";
import { resultsOf } from "../../../testing/boundTensors.ts";
import { emulateMatrixUnits } from "../../../testing/emulatedMatrixUnits.ts";
import { emulateSubgroup } from "../../../testing/emulatedSubgroup.ts";
import { launchKernel, type Workgroups } from "../../../testing/launchKernel.ts";
import { describeOnGpu, testDeviceOptions } from "../../../testing/testDevice.ts";
import { attentionValues } from "../headTile.ts";
import { blockShape } from "./blockShape.ts";
import { keyGradKernel } from "./keyGrad.ts";
import { queryGradKernel } from "./queryGrad.ts";

interface Case extends AttentionAttributes {
  readonly tokens: number;
  readonly subgroupRows: 16 | 32;
  readonly half: boolean;
  /** Magnitude of dOut. */
  readonly size: number;
  /** Tokens from which on another segment starts. */
  readonly second?: number;
}

const usual = { batch: 1, queryHeads: 2, keyValueHeads: 1, headDim: 16, scale: 0.3, window: 0, softcap: 0, half: false, size: 1 };
const cases: readonly (readonly [string, Case])[] = [
  ["float32, 32 rows a subgroup", { ...usual, tokens: 45, subgroupRows: 32, headDim: 32 }],
  ["float16, 32 rows a subgroup", { ...usual, tokens: 33, subgroupRows: 32, half: true }],
  ["float16, 16 rows a subgroup", { ...usual, tokens: 45, subgroupRows: 16, half: true, batch: 2 }],
  ["segments and small gradients", { ...usual, tokens: 50, subgroupRows: 32, size: 1e-7, second: 21 }],
  ["a window, a soft cap and large gradients", { ...usual, tokens: 50, subgroupRows: 16, size: 1e7, window: 9, softcap: 2 }],
];

const STORAGE = 0x80 | 0x8 | 0x4; // STORAGE | COPY_DST | COPY_SRC
// Operands and weights are rounded to float16, by at most 2^-11 each; a handful of roundings in a chain stay under 2e-3 in the mean square.
const BOUND = 2e-3;

/** Values in (-1, 1) times `size`, those of every seventh row a thousandth of it. */
function random(length: number, width: number, seed: number, size: number): Float32Array<ArrayBuffer> {
  let state = seed;
  const next = (): number => (state = (state * 48271) % 2147483647) / 1073741823.5 - 1;
  return Float32Array.from({ length }, (_, i) => size * next() * (Math.floor(i / width) % 7 === 3 ? 1e-3 : 1));
}

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

describeOnGpu("attention's gradient on emulated matrix units", () => {
  it.each(cases)(
    "%s",
    async (_, { tokens, subgroupRows, half, size, second = tokens, ...attributes }) => {
      const { batch, queryHeads, keyValueHeads, headDim, softcap } = attributes;
      const [rows, queryWidth, keyWidth] = [batch * tokens, queryHeads * headDim, keyValueHeads * headDim];
      const rounded = (values: Float32Array<ArrayBuffer>) => (half ? values.map((value) => decodeHalf(encodeHalf(value))) : values);
      const inputs: Record<string, Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>> = {
        q: rounded(random(rows * queryWidth, queryWidth, 1, 2)),
        k: rounded(random(rows * keyWidth, keyWidth, 2, 2)),
        v: rounded(random(rows * keyWidth, keyWidth, 3, 1)),
        dOut: rounded(random(rows * queryWidth, queryWidth, 4, size)),
        segments: Int32Array.from({ length: rows }, (_, row) => (row % tokens < second ? 1 : 2)),
      };
      const tape = new Tape("attention");
      const given = (name: string, width: number): Value => tape.input(name, [rows, width], "f32");
      const [dOut, q, k, v] = [given("dOut", queryWidth), given("q", queryWidth), given("k", keyWidth), given("v", keyWidth)];
      const segments = tape.input("segments", [rows], "i32");
      const [out, logSumExp] = [tape.output("out", [rows, queryWidth]), tape.output("logSumExp", [rows * queryHeads])];
      const gradients = [tape.output("dq", q.shape), tape.output("dk", k.shape), tape.output("dv", v.shape)];
      tape.apply(attention, [q, k, v, segments], attributes, [out, logSumExp]);
      tape.apply(attentionGrad, [dOut, q, k, v, segments, out, logSumExp], attributes, gradients);
      const oracle = await createCpuBackend({ precision: "float64", threads: 1 });
      const expected = await resultsOf(oracle, tape.finish(), ({ name, shape }) => inputs[name] ?? new Float32Array(elementCount(shape)));
      await oracle.dispose();

      const { device } = await createNodeDevice(testDeviceOptions);
      const bufferOf = (bytes: ArrayBufferView<ArrayBuffer>): GPUBuffer => {
        const buffer = device.createBuffer({ size: bytes.byteLength, usage: STORAGE });
        device.queue.writeBuffer(buffer, 0, bytes);
        return buffer;
      };
      const outs = rounded(Float32Array.from(expected.get("out") as ArrayLike<number>));
      const logSumExps = Float32Array.from(expected.get("logSumExp") as ArrayLike<number>);
      const activation = (name: string): GPUBuffer => {
        const values = name === "out" ? outs : (inputs[name] as Float32Array<ArrayBuffer>);
        return bufferOf(half ? Uint16Array.from(values, encodeHalf) : values);
      };
      const results = { dq: rows * queryWidth, dk: rows * keyWidth, dv: rows * keyWidth, statistics: 4 * rows * queryHeads };
      const buffers: Record<string, GPUBuffer> = {
        ...Object.fromEntries(["dOut", "q", "k", "v", "out"].map((name) => [name, activation(name)])),
        segments: bufferOf(inputs["segments"]!),
        logSumExp: bufferOf(logSumExps),
        ...Object.fromEntries(Object.entries(results).map(([name, length]) => [name, bufferOf(new Float32Array(length).fill(NaN))])),
      };
      const settings = attentionValues(attributes, tokens);
      const parameters = device.createBuffer({ size: 32, usage: 0x40 | 0x8 });
      const run = async (kernel: Kernel, workgroups: Workgroups, ...read: readonly string[]): Promise<readonly Float32Array[]> => {
        kernel.parameters.forEach(({ name, type }, at) => {
          const word = type === "f32" ? Float32Array : Uint32Array;
          device.queue.writeBuffer(parameters, 4 * at, word.of(settings[name as keyof typeof settings]));
        });
        const { wgsl, bindings } = emulateSubgroup(emulateMatrixUnits(kernel));
        const bound = [...bindings.map(({ name }) => buffers[name]!), parameters].map((buffer) => ({ buffer }));
        const bytes = await launchKernel(
          device,
          wgsl,
          bound,
          workgroups,
          read.map((name) => buffers[name]!),
        );
        return bytes.map((one) => new Float32Array(one));
      };
      const operands = { dOut: half, q: half, k: half, v: half };
      const [byQueries, byKeys] = [blockShape(headDim, subgroupRows, 16, 1), blockShape(headDim, 16, 32, 1)];
      const [dq, statistics] = await run(
        queryGradKernel(byQueries, { ...operands, out: half, dq: false }, softcap !== 0),
        [queryHeads, batch, Math.ceil(tokens / byQueries.rows)],
        "dq",
        "statistics",
      );
      const [dk, dv] = await run(
        keyGradKernel(byKeys, { ...operands, dk: false, dv: false }, softcap !== 0),
        [keyValueHeads, batch, Math.ceil(tokens / byKeys.rows)],
        "dk",
        "dv",
      );
      device.destroy();

      const errors = Object.entries({ dq, dk, dv }).map(([name, actual]) => relativeError(actual!, expected.get(name)!));
      for (const error of errors) expect(error).toBeLessThan(BOUND);
      const wrong = Array.from({ length: rows * queryHeads }, (_, row) => row).filter((row) => {
        const [head, token] = [row % queryHeads, Math.floor(row / queryHeads) % tokens];
        const slot = (Math.floor(row / queryHeads / tokens) * queryHeads + head) * tokens + token;
        const slopes = (inputs["dOut"] as Float32Array).subarray(row * headDim, (row + 1) * headDim);
        const terms = Array.from(slopes, (slope, d) => slope * outs[row * headDim + d]!);
        const [norm, total, largest] = statistics!.subarray(4 * slot);
        const magnitude = terms.reduce((sum, term) => sum + Math.abs(term), 0);
        return !(
          // Float32 rounds each product and each sum by 2^-24, and logSumExp twice on its way.
          Math.abs(norm! - Math.LOG2E * logSumExps[slot]!) <= 2 ** -22 * Math.abs(norm!) &&
          Math.abs(total! - terms.reduce((sum, term) => sum + term, 0)) <= 2 * headDim * 2 ** -24 * magnitude &&
          (half || largest === Math.max(...slopes.map(Math.abs)))
        );
      });
      expect(wrong).toEqual([]);
    },
    60_000,
  );
});
