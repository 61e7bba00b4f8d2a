import { decodeHalf, encodeHalf } from "@sft/kernels";
import { expect, it } from "vitest";
import { createNodeDevice } from "../../nodeDevice.ts";
import { emulateMatrixUnits } from "../../testing/emulatedMatrixUnits.ts";
import { describeOnGpu, testDeviceOptions } from "../../testing/testDevice.ts";
import { launchKernel } from "../../testing/launchKernel.ts";
import type { LowRankPair } from "./lowRankSteps.ts";
import { matrixUnitTiles, type MatrixUnitTile } from "./matrixUnitTile.ts";
import { shapedKernel, takesTurns, type ShapedVariant } from "./shapedKernel.ts";

const STORAGE = 0x80 | 0x8 | 0x4; // STORAGE | COPY_DST | COPY_SRC
const square = { tileM: 64, tileN: 64, tileK: 32, subgroupM: 32, subgroupN: 32 };
const {
  large,
  by96Columns: by96,
  by144Columns: by144,
} = matrixUnitTiles as Record<"large" | "by96Columns" | "by144Columns", MatrixUnitTile>;
const uneven = { tileM: 32, tileN: 96, tileK: 32, subgroupM: 32, subgroupN: 48 };

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly layout: "nn" | "nt" | "tn";
  readonly tile?: ShapedVariant["tile"];
  readonly a?: "f32";
  readonly b?: "f32";
  readonly y?: "f16";
  readonly addend?: "separate" | "inPlace";
  readonly partDepth?: number;
  /** Elements of a row of a in memory, where those are more than the product reads. */
  readonly rowOfA?: number;
  /** Float16 with contiguous depth comes by whole lines. */
  readonly lines?: true;
  /** Workgroups, where a workgroup computes several blocks; otherwise as many as there are blocks. */
  readonly workgroups?: number;
  /** A low-rank pair, its wide operand transposed as b is; thin in float16 unless told. */
  readonly rank?: number;
  readonly thin?: "f32";
}

const cases: readonly Case[] = [
  { m: 136, n: 72, k: 32, layout: "nn", addend: "inPlace" },
  { m: 64, n: 128, k: 64, layout: "nn", a: "f32", b: "f32", addend: "separate" },
  { m: 64, n: 72, k: 160, layout: "nn", partDepth: 64 },
  { m: 72, n: 64, k: 64, layout: "nn", rowOfA: 128 },
  { m: 64, n: 72, k: 160, layout: "nn", partDepth: 64, rowOfA: 320 },
  { m: 64, n: 64, k: 64, layout: "nt" },
  { m: 72, n: 64, k: 64, layout: "tn", rowOfA: 144 },
  { m: 72, n: 136, k: 96, layout: "nt", y: "f16", addend: "inPlace" },
  { m: 40, n: 104, k: 64, layout: "nt", tile: uneven },
  { m: 128, n: 64, k: 32, layout: "tn", y: "f16", addend: "separate" },
  { m: 40, n: 104, k: 64, layout: "tn", tile: uneven },
  { m: 64, n: 72, k: 160, layout: "tn", partDepth: 64 },
  { m: 72, n: 136, k: 64, layout: "nt", rank: 16, y: "f16" },
  { m: 72, n: 136, k: 64, layout: "nn", rank: 16, addend: "inPlace" },
  { m: 64, n: 64, k: 32, layout: "nt", rank: 8, thin: "f32", addend: "separate" },
  { m: 136, n: 64, k: 32, layout: "nn", rank: 8, y: "f16", addend: "separate" },
  { m: 40, n: 104, k: 64, layout: "nt", rank: 24, tile: uneven },
  { m: 40, n: 104, k: 64, layout: "nn", rank: 24, tile: uneven, thin: "f32" },
  { m: 40, n: 96, k: 64, layout: "nt", rank: 16, tile: uneven },
  { m: 32, n: 104, k: 64, layout: "nn", rank: 16, tile: uneven, rowOfA: 128 },
  { m: 64, n: 72, k: 32, layout: "nt", rank: 32, b: "f32" },
  { m: 64, n: 72, k: 32, layout: "nn", rank: 32, a: "f32" },
  { m: 72, n: 64, k: 32, layout: "nt", rank: 64, thin: "f32" },
  { m: 72, n: 64, k: 32, layout: "nn", rank: 56 },
  { m: 40, n: 104, k: 32, layout: "nn", rank: 40, tile: uneven },
  { m: 128, n: 128, k: 32, layout: "nt", rank: 16, tile: large },
  { m: 136, n: 72, k: 64, layout: "nt", lines: true, addend: "separate" },
  { m: 72, n: 136, k: 128, layout: "nn", lines: true, y: "f16", addend: "inPlace" },
  { m: 72, n: 64, k: 192, layout: "nn", lines: true, partDepth: 128, rowOfA: 320 },
  { m: 72, n: 72, k: 192, layout: "nt", lines: true, partDepth: 128 },
  { m: 64, n: 72, k: 576, layout: "nt", lines: true },
  { m: 64, n: 72, k: 576, layout: "nn", lines: true },
  { m: 40, n: 104, k: 192, layout: "nn", lines: true, tile: uneven },
  { m: 72, n: 72, k: 128, layout: "nt", lines: true, a: "f32", addend: "inPlace" },
  { m: 72, n: 72, k: 128, layout: "nn", lines: true, rank: 16 },
  { m: 40, n: 104, k: 128, layout: "nt", lines: true, rank: 24, tile: uneven, thin: "f32" },
  { m: 136, n: 128, k: 128, layout: "nt", lines: true, tile: large },
  { m: 128, n: 104, k: 128, layout: "nn", lines: true, tile: by96, y: "f16" },
  { m: 136, n: 144, k: 64, layout: "nt", tile: by144, y: "f16" },
  { m: 128, n: 152, k: 64, layout: "nn", tile: by144, rank: 16 },
  { m: 200, n: 136, k: 128, layout: "nt", lines: true, workgroups: 5, addend: "inPlace" },
  { m: 328, n: 72, k: 128, layout: "nn", lines: true, workgroups: 7, y: "f16", addend: "separate" },
  { m: 64, n: 320, k: 64, layout: "nt", lines: true, workgroups: 1, a: "f32" },
  { m: 40, n: 296, k: 64, layout: "nn", lines: true, workgroups: 3, tile: uneven, rowOfA: 128 },
];

/** Multiples of 1/16 up to 1, exact in float16; products of them are exact in float32, sums of 576 as well. */
function random(length: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (state * 48271) % 2147483647;
    return ((state % 33) - 16) / 16;
  });
}

/** Layout, shape, and what is special about a case. */
function nameOf({ layout, m, n, k, tile, ...special }: Case): string {
  const words = Object.entries(special).map(([name, value]) => `${name} ${value}`);
  const block = tile ? [`blocks of ${tile.tileM} x ${tile.tileN}`] : [];
  return [`${layout} ${m} x ${n} x ${k}`, ...block, ...words].join(", ");
}

describeOnGpu("products with shapes of their own", () => {
  it.each(cases.map((one) => [nameOf(one), one] as const))("%s", async (_, options) => {
    const {
      m,
      n,
      k,
      layout,
      tile = square,
      a = "f16",
      b = "f16",
      y = "f16",
      addend = "none",
      partDepth,
      rowOfA = options.layout === "tn" ? options.m : options.k,
      rank = 0,
      thin = "f16",
    } = { y: "f32" as const, ...options };
    const lowRank: LowRankPair | undefined = rank > 0 ? { rank, transposeWide: layout === "nt", thin } : undefined;
    const kernel = emulateMatrixUnits(
      shapedKernel({
        tile,
        transposeA: layout === "tn",
        transposeB: layout === "nt",
        aStride: rowOfA,
        longRows: layout !== "tn" && rowOfA !== k,
        bStride: layout === "nt" ? k : n,
        n,
        wholeRows: m % tile.tileM === 0,
        parts: partDepth !== undefined,
        a,
        b,
        y,
        addend,
        wholeLines: options.lines === true,
        ...(lowRank ? { lowRank } : {}),
      }),
    );
    const planes = partDepth === undefined ? 1 : Math.ceil(k / partDepth);
    const data = {
      a: random(rowOfA * (layout === "tn" ? k : m), 11),
      b: random(k * n, 12),
      addend: random(m * n, 13),
      y: random(planes * m * n, 14),
      thin: random(m * rank, 15),
      wide: random(rank * n, 16),
    };
    const { device } = await createNodeDevice(testDeviceOptions);
    const types = { a, b, addend: y, y, thin, wide: "f32" };
    const buffers = kernel.bindings.map(({ name }) => {
      const values = data[name as "a"];
      const bytes = types[name as "a"] === "f16" ? Uint16Array.from(values, encodeHalf) : values;
      const buffer = device.createBuffer({ size: bytes.byteLength, usage: STORAGE });
      device.queue.writeBuffer(buffer, 0, bytes);
      return buffer;
    });
    const parameters = device.createBuffer({ size: 32, usage: 0x40 | 0x8 });
    device.queue.writeBuffer(parameters, 0, Uint32Array.of(m, k, partDepth ?? k, 0));
    device.queue.writeBuffer(parameters, 12, Float32Array.of(0.5, 0.25));
    const result = buffers.at(-1)!;
    const bindings = [...buffers, parameters].map((buffer) => ({ buffer }));
    const [across, down] = [Math.ceil(n / tile.tileN), Math.ceil(m / tile.tileM)];
    const turns = takesTurns({ wholeLines: options.lines === true, parts: partDepth !== undefined, lowRank });
    const workgroups = turns ? ([options.workgroups ?? across * down, 1, 1] as const) : ([across, down, planes] as const);
    const [bytes] = await launchKernel(device, kernel.wgsl, bindings, workgroups, [result]);
    const actual = y === "f16" ? Array.from(new Uint16Array(bytes!), decodeHalf) : [...new Float32Array(bytes!)];
    const expected = Array.from({ length: planes * m * n }, (_, slot) => {
      const [plane, row, column] = [Math.floor(slot / (m * n)), Math.floor((slot % (m * n)) / n), slot % n];
      const [first, last] = [plane * (partDepth ?? k), Math.min(k, (plane + 1) * (partDepth ?? k))];
      let sum = 0;
      for (let d = first; d < last; d++) {
        sum += data.a[layout === "tn" ? d * rowOfA + row : row * rowOfA + d]! * data.b[layout === "nt" ? column * k + d : d * n + column]!;
      }
      for (let d = 0; d < rank; d++) {
        sum += 0.25 * data.thin[row * rank + d]! * data.wide[layout === "nt" ? column * rank + d : d * n + column]!;
      }
      return 0.5 * sum + (addend === "none" ? 0 : data[addend === "inPlace" ? "y" : "addend"][slot]!);
    });
    // Multiples of 1/2048 are exact in float32 sums; where y is float16, one rounding of 2^-11.
    const relative = y === "f16" ? 2 ** -11 : 0;
    const wrong = expected.flatMap((value, slot) => (Math.abs(value - actual[slot]!) <= relative * Math.abs(value) ? [] : [slot]));
    expect(wrong).toEqual([]);
    device.destroy();
  });
});
