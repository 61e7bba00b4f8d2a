import { decodeHalf, encodeHalf } from "@sft/kernels";
import { expect, it } from "vitest";
import { createNodeDevice } from "../../nodeDevice.ts";
import { emulateMatrixUnits } from "../../testing/emulatedMatrixUnits.ts";
import { launchKernel } from "../../testing/launchKernel.ts";
import { describeOnGpu, testDeviceOptions } from "../../testing/testDevice.ts";
import { shapedKernel } from "./shapedKernel.ts";

const STORAGE = 0x80 | 0x8 | 0x4; // STORAGE | COPY_DST | COPY_SRC
const square = { tileM: 64, tileN: 64, tileK: 32, subgroupM: 32, subgroupN: 32 };
const large = { tileM: 128, tileN: 128, tileK: 32, subgroupM: 64, subgroupN: 64 };

const cases = [
  { name: "one block", tile: square, m: 64, n: 32, k: 64, workgroups: 1 },
  { name: "blocks in turns, the last rows moved back", tile: square, m: 200, n: 96, k: 128, workgroups: 5 },
  { name: "a block of 128 x 64 each", tile: large, m: 128, n: 64, k: 64, workgroups: 1 },
];

/** Multiples of 1/16 up to 1: exact in float16, and sums of their products in float32. */
function random(length: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length }, () => (((state = (state * 48271) % 2147483647) % 33) - 16) / 16);
}

describeOnGpu("the products of gate and up in one kernel", () => {
  it.each(cases)("$name", async ({ tile, m, n, k, workgroups }) => {
    const form = { transposeA: false, transposeB: true, aStride: k, bStride: k, n, wholeRows: m % tile.tileM === 0, parts: false } as const;
    const types = { a: "f16", b: "f16", y: "f16", addend: "none", wholeLines: true, gated: "silu" } as const;
    const kernel = emulateMatrixUnits(shapedKernel({ tile, ...form, ...types }));
    const data = { a: random(m * k, 11), b: random(n * k, 12), up: random(n * k, 13) };
    const { device } = await createNodeDevice(testDeviceOptions);
    const buffers = kernel.bindings.map(({ name }) => {
      const halves = Uint16Array.from(data[name as "a"] ?? new Float32Array(m * n).fill(7), encodeHalf);
      const buffer = device.createBuffer({ size: halves.byteLength, usage: STORAGE });
      device.queue.writeBuffer(buffer, 0, halves);
      return buffer;
    });
    const parameters = device.createBuffer({ size: 16, usage: 0x40 | 0x8 });
    device.queue.writeBuffer(parameters, 0, Uint32Array.of(m, k, k, 0));
    device.queue.writeBuffer(parameters, 12, Float32Array.of(0.5));
    const bindings = [...buffers, parameters].map((buffer) => ({ buffer }));
    const results = await launchKernel(device, kernel.wgsl, bindings, [workgroups, 1, 1], buffers.slice(-3));
    const [gate, up, gated] = results.map((bytes) => Array.from(new Uint16Array(bytes), decodeHalf)) as [number[], number[], number[]];
    const product = (weight: Float32Array, slot: number): number => {
      let sum = 0;
      for (let d = 0; d < k; d++) sum += data.a[Math.floor(slot / n) * k + d]! * weight[(slot % n) * k + d]!;
      return 0.5 * sum;
    };
    // Sums are exact, so that gate and up are rounded once, by 2^-11; of what comes of them float32's exp adds a few 2^-23.
    const wrong = Array.from({ length: m * n }, (_, slot) => slot).filter((slot) => {
      const [g, u] = [product(data.b, slot), product(data.up, slot)];
      const expected = (gate[slot]! * up[slot]!) / (1 + Math.exp(-gate[slot]!));
      return !(
        Math.abs(gate[slot]! - g) <= 2 ** -11 * Math.abs(g) &&
        Math.abs(up[slot]! - u) <= 2 ** -11 * Math.abs(u) &&
        Math.abs(gated[slot]! - expected) <= (2 ** -11 + 2 ** -20) * Math.abs(expected) + 2 ** -25
      );
    });
    expect(wrong).toEqual([]);
    device.destroy();
  });
});
