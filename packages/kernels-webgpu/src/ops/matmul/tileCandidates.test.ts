import { opTable, type Program } from "@sft/kernels";
import { describe, expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../../dispatch.ts";
import { listDispatches } from "../../listDispatches.ts";
import { createNodeDevice } from "../../nodeDevice.ts";
import { productProgram } from "../../tuning/measureProduct.ts";
import { nameProductClass, parseProductClass, productClassOf, type ProductClass } from "./productClass.ts";
import { chooseFastest, tileCandidates } from "./tileCandidates.ts";

const large: KernelLimits = {
  ...defaultLimits,
  maxBindingBytes: 2 ** 31 - 4,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
};

const product = (m: number, n: number, k: number, rest: Partial<ProductClass> = {}): ProductClass => ({
  m,
  n,
  k,
  transposeA: false,
  transposeB: true,
  a: "f32",
  b: "f32",
  y: "f32",
  matrixUnits: false,
  ...rest,
});

const labels = (program: Program, limits: KernelLimits): readonly string[] =>
  listDispatches(program, opTable, limits).dispatches.map(({ kernel }) => kernel.label);

describe("classes of products", () => {
  const operand = (shape: readonly number[]) => ({ shape, dtype: "f32" as const, storage: 0 });
  const nameOf = (m: number, n: number, k: number, transposeA: boolean) =>
    nameProductClass(
      productClassOf({ a: operand(transposeA ? [k, m] : [m, k]), b: operand([k, n]), y: operand([m, n]) }, transposeA, false, false),
    );

  it("are shared by token counts up to the next power of two, and by all above 8192", () => {
    expect([513, 900, 1024].map((tokens) => nameOf(tokens, 576, 192, false))).toEqual(new Array(3).fill("nn f32 f32 f32 1024x576x192"));
    expect([9000, 20000].map((tokens) => nameOf(tokens, 576, 192, false))).toEqual(new Array(2).fill("nn f32 f32 f32 8192x576x192"));
    expect(nameOf(576, 192, 900, true)).toBe("tn f32 f32 f32 576x192x1024");
  });

  it("are read back from their names, and nothing else is", () => {
    for (const one of [product(4096, 576, 192), product(16, 8, 72, { transposeA: true, a: "f16", y: "f16", matrixUnits: true })])
      expect(parseProductClass(nameProductClass(one))).toEqual(one);
    for (const text of ["", "nn f32 f32 f32 1x2", "xx f32 f32 f32 1x2x3", "nn f64 f32 f32 1x2x3", "nn f32 f32 f32 1x2x3 units"])
      expect(parseProductClass(text)).toBeUndefined();
  });
});

describe("candidates", () => {
  it("begin with the table's own tile: choosing it changes nothing", () => {
    for (const limits of [defaultLimits, large, { ...large, matrixUnits: true }] as readonly KernelLimits[])
      for (const [m, n, k] of [
        [64, 64, 64],
        [8, 512, 64],
        [512, 16, 64],
        [2048, 1536, 512],
        [1024, 576, 1536],
        [4096, 4096, 4096],
      ] as const) {
        const one = product(m, n, k, { matrixUnits: limits.matrixUnits === true });
        const [table] = tileCandidates(one, limits);
        const given = { ...limits, halfStorage: false };
        expect(labels(productProgram(one), { ...given, tiles: { get: () => table } })).toEqual(labels(productProgram(one), given));
      }
  });

  it("are what the device can run, each another kernel", () => {
    expect(tileCandidates(product(256, 256, 64), defaultLimits)).toEqual(["square"]);
    expect(tileCandidates(product(256, 256, 64), large)).toEqual(["square", "large", "whole"]);
    expect(tileCandidates(product(256, 256, 60), large)).toEqual(["square", "large"]);
    expect(tileCandidates(product(8, 256, 64), defaultLimits)).toEqual(["fewRows", "square"]);
    const onUnits = (m: number, n: number) => tileCandidates(product(m, n, 512, { matrixUnits: true }), large).toSorted();
    expect(onUnits(1024, 576)).toEqual(["by144Columns", "by96Columns", "large", "middle"]);
    expect(onUnits(1024, 192)).toEqual(["by96Columns", "large", "middle"]);
    expect(onUnits(576, 1024)).toEqual(["by96Rows", "large", "middle"]);
    expect(onUnits(1024, 16)).toEqual(["fewColumns", "middle"]);
    expect(onUnits(1024, 64)).toEqual(["middle"]);
    for (const one of [product(256, 256, 64), product(8, 256, 64), product(1024, 192, 512, { matrixUnits: true })]) {
      const limits = { ...large, matrixUnits: one.matrixUnits, halfStorage: false };
      const texts = tileCandidates(one, large).map((tile) => labels(productProgram(one), { ...limits, tiles: { get: () => tile } })[0]);
      expect(new Set(texts).size).toBe(texts.length);
    }
  });

  it("of 144 columns are the table's where they need no more rounds of workgroups than those of 96", () => {
    const first = (m: number) => tileCandidates(product(m, 576, 1536, { matrixUnits: true }), large)[0];
    expect([2048, 4096, 8192, 8448, 8576, 16384].map(first)).toEqual([
      "by96Columns",
      "by96Columns",
      "by144Columns",
      "by144Columns",
      "by96Columns",
      "by144Columns",
    ]);
  });

  it("fall back on the table where one product of the class cannot use the tile", () => {
    const odd = productProgram(product(250, 256, 64));
    expect(labels(odd, { ...large, tiles: { get: () => "whole" } })).toEqual(labels(odd, large));
    expect(labels(odd, { ...large, tiles: { get: () => "no such tile" } })).toEqual(labels(odd, large));
  });

  it("are WGSL that Dawn accepts on matrix units", async () => {
    const { device } = await createNodeDevice({ graphics: "null" });
    const limits = { ...large, matrixUnits: true, halfStorage: false };
    const shapes = [
      [1024, 576, 512],
      [576, 1536, 2048],
      [64, 2048, 1024],
      [4096, 48, 512],
      [4096, 4096, 512],
    ] as const;
    for (const [m, n, k] of shapes)
      for (const y of ["f32", "f16"] as const)
        for (const transposeA of [false, true]) {
          const one = product(m, n, k, { matrixUnits: true, a: "f16", y, transposeA, transposeB: !transposeA });
          for (const tile of tileCandidates(one, limits))
            for (const { kernel } of listDispatches(productProgram(one), opTable, { ...limits, tiles: { get: () => tile } }).dispatches) {
              device.pushErrorScope("validation");
              const { messages } = await device.createShaderModule({ code: kernel.wgsl }).getCompilationInfo();
              expect(messages.map(({ message, lineNum }) => `${kernel.label}, line ${lineNum}: ${message}`)).toEqual([]);
              expect(await device.popErrorScope()).toBeNull();
            }
        }
  });
});

describe("the choice", () => {
  it("is the fastest, and the table's tile where that is within 3 % of it", () => {
    expect(
      chooseFastest([
        ["table", 1],
        ["other", 0.5],
        ["third", 0.8],
      ]),
    ).toBe("other");
    expect(
      chooseFastest([
        ["table", 1],
        ["other", 0.98],
      ]),
    ).toBe("table");
    expect(
      chooseFastest([
        ["table", 1],
        ["other", 0.97],
      ]),
    ).toBe("other");
    expect(
      chooseFastest([
        ["table", NaN],
        ["other", 2],
      ]),
    ).toBe("other");
    expect(
      chooseFastest([
        ["table", 1],
        ["other", NaN],
      ]),
    ).toBe("table");
    expect(() => chooseFastest([])).toThrow(RangeError);
  });
});
