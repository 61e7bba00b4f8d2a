import { decodeHalf, type LinearCrossEntropyAttributes } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, resolveDispatch, type Dispatch } from "../../dispatch.ts";
import { createNodeDevice } from "../../nodeDevice.ts";
import type { Operand } from "../../operand.ts";
import { packParameters } from "../../parameterBlock.ts";
import { describeOnGpu, testDeviceOptions } from "../../testing/testDevice.ts";
import { launchKernel } from "../../testing/launchKernel.ts";
import { emitLogitRows } from "./logitRows.ts";

const [ROWS, FIRST] = [3, 2];
const settings: LinearCrossEntropyAttributes = { alpha: 1, softcap: 6, labelSmoothing: 0.1, zLoss: 0.02 };

/** Where the gradient goes: over the logits, in float32 or float16, or in float16 beside them. */
type Written = "f32" | "f16" | "apart";

/** The one launch that turns logits into losses and their gradient. */
function launch(vocabulary: number, written: Written): Dispatch {
  const logits: Operand = { storage: 0, dtype: "f32", shape: [ROWS, vocabulary] };
  const operand = (storage: number, dtype: "f32" | "i32", length = FIRST + ROWS): Operand => ({ storage, dtype, shape: [length] });
  const gradient: Operand = { ...logits, dtype: written === "f32" ? "f32" : "f16", storage: written === "apart" ? 7 : 0 };
  let dispatch: Dispatch | null = null;
  const emitter = {
    limits: defaultLimits,
    scratch: () => logits,
    dispatch: (...launched: Parameters<typeof resolveDispatch>) => void (dispatch = resolveDispatch(...launched)),
  };
  emitLogitRows(
    emitter,
    { emitter, first: FIRST, hidden: logits, head: logits, logits, gradient },
    {
      rows: operand(1, "i32"),
      targets: operand(2, "i32"),
      logSumExp: operand(3, "f32"),
      rowLoss: operand(4, "f32"),
      factors: { dLoss: operand(5, "f32", 1), weights: operand(6, "f32") },
    },
    settings,
  );
  return dispatch!;
}

/** Logits from -6 to 6, the second of three rows being padding. */
async function run(device: GPUDevice, vocabulary: number, written: Written): Promise<readonly ArrayBuffer[]> {
  const { kernel, bindings, parameters, workgroups } = launch(vocabulary, written);
  const data = [
    Float32Array.from({ length: ROWS * vocabulary }, (_, i) => 6 * Math.sin(1 + i * 1.3)),
    Int32Array.of(9, 9, 4, -1, 7),
    Int32Array.of(9, 9, vocabulary - 1, -100, 0),
    new Float32Array(FIRST + ROWS),
    new Float32Array(FIRST + ROWS),
    Float32Array.of(50),
    Float32Array.of(9, 9, 0.5, 3, 1.5),
    new Uint16Array(ROWS * vocabulary).fill(9),
  ];
  const buffers = data.map((values) => {
    const buffer = device.createBuffer({ size: values.byteLength, usage: 0x80 | 0x8 | 0x4 });
    device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  });
  const block = packParameters([{ kernel, bindings, parameters, workgroups }]);
  const uniform = device.createBuffer({ size: block.bytes.length, usage: 0x40 | 0x8 });
  device.queue.writeBuffer(uniform, 0, block.bytes);
  const bound = [...bindings.map(({ storage }) => buffers[storage]!), uniform];
  const results = [0, 3, 4, 7].map((index) => buffers[index]!);
  return launchKernel(
    device,
    kernel.wgsl,
    bound.map((buffer) => ({ buffer })),
    workgroups,
    results,
  );
}

describeOnGpu("rows of logits", () => {
  // Rounds of 256 threads with 8 logits each: less than one, whole ones, and a part of one at the end.
  it.each([8, 40, 4096, 5000])("of %i classes become the gradient in float16 in the first half of their memory", async (vocabulary) => {
    const { device } = await createNodeDevice(testDeviceOptions);
    const [words, ...losses] = (await run(device, vocabulary, "f16")).slice(0, 3);
    const [whole, ...others] = (await run(device, vocabulary, "f32")).slice(0, 3);
    device.destroy();
    expect(losses.map((values) => new Float32Array(values))).toEqual(others.map((values) => new Float32Array(values)));
    const gradient = new Float32Array(whole!);
    expect(gradient.every((value, i) => (value === 0) === (Math.floor(i / vocabulary) === 1))).toBe(true);
    const halves = new Uint16Array(words!);
    const wrong = [...gradient].flatMap((value, i) => {
      const half = decodeHalf(halves[Math.floor(i / vocabulary) * 2 * vocabulary + (i % vocabulary)]!);
      // One rounding of 2^-11, or half of the smallest float16.
      return Math.abs(half - value) <= Math.max(2 ** -11 * Math.abs(value), 2 ** -25) ? [] : [i];
    });
    expect(wrong).toEqual([]);
  });

  it.each([8, 40, 4096, 5000])("of %i classes become the same gradient beside the logits, which stay", async (vocabulary) => {
    const { device } = await createNodeDevice(testDeviceOptions);
    const [words, ...losses] = await run(device, vocabulary, "f16");
    const [logits, ...others] = await run(device, vocabulary, "apart");
    device.destroy();
    const floats = (buffers: readonly ArrayBuffer[]) => buffers.slice(0, 2).map((values) => new Float32Array(values));
    expect(floats(losses)).toEqual(floats(others));
    expect(new Float32Array(logits!)).toEqual(Float32Array.from({ length: ROWS * vocabulary }, (_, i) => 6 * Math.sin(1 + i * 1.3)));
    const inPlace = new Uint16Array(words!).filter((_, i) => i % (2 * vocabulary) < vocabulary);
    expect(new Uint16Array(others[2]!)).toEqual(inPlace);
  });
});
