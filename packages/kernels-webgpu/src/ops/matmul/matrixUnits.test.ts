import { matmul, opTable, reshape, Tape } from "@sft/kernels";
import { expect, it } from "vitest";
import { defaultLimits, type KernelLimits } from "../../dispatch.ts";
import { listDispatches } from "../../listDispatches.ts";
import { expectAccepted } from "../../testing/expectAccepted.ts";

const limits: KernelLimits = {
  ...defaultLimits,
  maxBindingBytes: 2 ** 31 - 4,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
  matrixUnits: true,
};

interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly layout: "nn" | "nt" | "tn";
  readonly type?: "f32" | "f16";
  readonly addend?: "none" | "separate" | "inPlace";
  /** y is read by another op only, so that it can be float16. */
  readonly inner?: boolean;
}

function dispatchesOf({ m, n, k, layout, type = "f16", addend = "none", inner = false }: Product, given = limits) {
  const tape = new Tape("product");
  const [left, right] = [
    tape.input("a", layout === "tn" ? [k, m] : [m, k], type),
    tape.input("b", layout === "nt" ? [n, k] : [k, n], type),
  ];
  const attributes = { transposeA: layout === "tn", transposeB: layout === "nt", alpha: 0.5 };
  if (inner) {
    const [first] = tape.apply(matmul, [left, right], attributes);
    const [second] = addend === "none" ? [first] : tape.apply(matmul, [left, right, first!], attributes);
    tape.apply(reshape, [second!], { rows: m * n });
  } else {
    const y = tape.output("y", [m, n]);
    const added = addend === "none" ? [] : [addend === "inPlace" ? y : tape.input("addend", [m, n], "f32")];
    tape.apply(matmul, [left, right, ...added], attributes, [y]);
  }
  return listDispatches(tape.finish(), opTable, given).dispatches;
}

// Numbers need matrix units: bench/src/gpuMatmul.ts compares them with float64 on a GPU. Here the text is type-checked by Dawn.
const products = [
  [1024, 1024, 512],
  [4096, 576, 576],
  [4096, 200, 1024],
  [1000, 1160, 512],
  [576, 1536, 2048],
  [8192, 16, 2048],
  [16, 2048, 8192],
  [8192, 2048, 16],
  [136, 200, 72],
].flatMap(([m, n, k]) =>
  (["nn", "nt", "tn"] as const).flatMap((layout) =>
    (["f32", "f16"] as const).flatMap((type) =>
      (["none", "separate", "inPlace"] as const).flatMap((addend) =>
        [false, true].flatMap((inner) => dispatchesOf({ m: m!, n: n!, k: k!, layout, type, addend, inner })),
      ),
    ),
  ),
);
const kernels = [...new Set(products.map(({ kernel }) => kernel))];

it("is WGSL that Dawn accepts, for all layouts, types and edges", async () => {
  await expectAccepted(kernels);
});

it("keeps within the 48 KiB of workgroup memory that such devices have", () => {
  const bytes: Record<string, number> = { vec4u: 16, vec4f: 16, f32: 4 };
  for (const { wgsl, label } of kernels) {
    const sizes = [...wgsl.matchAll(/var<workgroup> \w+: array<(\w+), (\d+)>/g)].map(
      ([, element, count]) => bytes[element!]! * Number(count),
    );
    expect(
      sizes.reduce((all, one) => all + one, 0),
      label,
    ).toBeLessThanOrEqual(49152);
  }
});

it("writes a large product's strides into its kernel, and shares kernels among small ones", () => {
  const [large] = dispatchesOf({ m: 4096, n: 4096, k: 4096, layout: "nt" });
  expect(large!.kernel.wgsl).toContain("* 4096u");
  const small = [136, 264].map((n) => dispatchesOf({ m: 128, n, k: 64, layout: "nt" })[0]!.kernel);
  expect(small[0]).toBe(small[1]);
});

it("fetches float16 by whole lines where its depth is contiguous and a number of lines", () => {
  const byLines = (product: Product) =>
    ["aOther0", "bOther0"].filter((register) => dispatchesOf(product)[0]!.kernel.wgsl.includes(register)).map(([name]) => name);
  const size = { m: 4096, n: 2048, k: 576 };
  expect(byLines({ ...size, layout: "nt" })).toEqual(["a", "b"]);
  expect(byLines({ ...size, layout: "nn" })).toEqual(["a"]);
  expect(byLines({ ...size, layout: "tn" })).toEqual([]);
  expect(byLines({ ...size, layout: "nt", k: 544 })).toEqual([]);
  expect(byLines({ ...size, layout: "nt", type: "f32" })).toEqual([]);
  expect(byLines({ ...size, layout: "nt", n: 576 })).toEqual([]);
});

it("lets as many workgroups as run at a time take turns at the blocks of whole lines, and launches one a block where that is unknown", () => {
  const workgroups = (product: Product, known: Partial<KernelLimits>) => dispatchesOf(product, { ...limits, ...known })[0]!.workgroups;
  const size = { m: 4096, n: 4096, k: 4096 };
  expect(workgroups({ ...size, layout: "nt" }, {})).toEqual([1024, 1, 1]);
  expect(workgroups({ ...size, layout: "nt" }, { largeWorkgroupsAtOnce: 264 })).toEqual([264, 1, 1]);
  expect(workgroups({ ...size, m: 512, n: 8192, layout: "nn" }, { largeWorkgroupsAtOnce: 264 })).toEqual([256, 1, 1]);
  expect(workgroups({ ...size, layout: "nn" }, { maxWorkgroupsPerDimension: 512 })).toEqual([512, 1, 1]);
  expect(workgroups({ ...size, layout: "tn" }, { largeWorkgroupsAtOnce: 264 })).toEqual([32, 32, 1]);
});

it("splits a depth of whole lines between lines", () => {
  const [launch] = dispatchesOf({ m: 512, n: 896, k: 151936, layout: "nn" });
  expect(launch!.kernel.wgsl).toContain("aOther0");
  expect(launch!.parameters.slice(0, 3)).toEqual([512, 151936, 16896]);
});

it("shares a large product's kernel among batches of all lengths", () => {
  const forward = [4096, 6144].map((tokens) => dispatchesOf({ m: tokens, n: 2048, k: 2048, layout: "nt" })[0]!.kernel);
  expect(forward[0]).toBe(forward[1]);
  const backward = [4096, 6144].map((tokens) => dispatchesOf({ m: 2048, n: 2048, k: tokens, layout: "tn" })[0]!.kernel);
  expect(backward[0]).toBe(backward[1]);
});

it("stores y as float16 where only other ops read it, and what it is added to likewise", () => {
  const bindings = (product: Product) => dispatchesOf(product).at(0)!.kernel.source.bindings;
  expect(bindings({ m: 4096, n: 2048, k: 512, layout: "nn", inner: true })["y"]).toBe("read_write vec4u");
  expect(bindings({ m: 4096, n: 2048, k: 512, layout: "nn" })["y"]).toBe("read_write vec4f");
});

it("works on parts of the rows where y passes what a binding holds", () => {
  const parts = dispatchesOf({ m: 8192, n: 8192, k: 256, layout: "nt" }, { ...limits, maxBindingBytes: 2 ** 27 });
  expect(parts.map(({ kernel, workgroups }) => [kernel.label, workgroups])).toEqual(
    [2048, 2048].map((blocks) => ["matmul NT 128x128x32 on matrix units, f16 f16 to f32", [blocks, 1, 1]]),
  );
  expect(parts.map(({ bindings }) => bindings.map(({ byteOffset }) => byteOffset))).toEqual([
    [0, 0, 0],
    [2 ** 21, 0, 2 ** 27],
  ]);
});

it.each([
  // dx of a head by chunks of 512 and 1024 rows, a wide and a thin weight's gradient, a narrow projection.
  { m: 512, n: 2048, k: 128256, layout: "nn", parts: 4 },
  { m: 1024, n: 2048, k: 128256, layout: "nn", parts: 2 },
  { m: 512, n: 896, k: 151936, layout: "nn", parts: 9 },
  { m: 512, n: 2048, k: 8192, layout: "tn", parts: 4 },
  { m: 2048, n: 2048, k: 8192, layout: "tn", parts: 1 },
  { m: 8192, n: 512, k: 2048, layout: "nt", parts: 1 },
] as const)("splits the depth of $m x $n x $k among no more blocks than a large GPU works on at a time", ({ parts, ...product }) => {
  const [launch] = dispatchesOf(product);
  expect(launch!.kernel.label).toContain("128x128x32");
  expect(launch!.workgroups[2]).toBe(parts);
  expect(launch!.workgroups.reduce((blocks, extent) => blocks * extent, 1)).toBeLessThanOrEqual(264);
});
