// Matrix products on this machine's GPU: correctness of every layout on odd sizes, then TFLOP/s at the sizes of real models.
//   gpuMatmul [--float32] [--no-check] [--only PATTERN, of the lines that it prints]
import { parseArgs } from "node:util";
import { matmul, reshape, Tape, type Backend } from "@sft/kernels";
import { createBackend } from "@sft/kernels-webgpu/node";
import { float32ToFloat16 } from "@sft/checkpoint";
import { warmUp } from "./warmUp.ts";

type Layout = "nn" | "nt" | "tn";
interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly layout: Layout;
  readonly a?: "f16";
  readonly b?: "f16";
  readonly addend?: boolean;
  readonly alpha?: number;
  /** y is read by another op only, so that the backend may store it as float16. */
  readonly inner?: boolean;
}

/** Random numbers in [-1, 1), the same million over and over. */
function random(length: number, seed: number): Float32Array {
  const values = new Float32Array(length);
  const block = Math.min(length, 1 << 20);
  let state = seed * 2 + 1;
  for (let i = 0; i < block; i++) values[i] = (state = (state * 48271) % 2147483647) / 1073741823.5 - 1;
  for (let at = block; at < length; at += block) values.copyWithin(at, 0, Math.min(block, length - at));
  return values;
}

/** The product, or to be timed `repeat` of it. An inner one is added to itself, another one to what y holds. */
function record({ m, n, k, layout, a, b, addend, alpha = 1, inner }: Shape, repeat: number): Tape {
  const tape = new Tape("matmul");
  const left = tape.input("a", layout === "tn" ? [k, m] : [m, k], a ?? "f32");
  const right = tape.input("b", layout === "nt" ? [n, k] : [k, n], b ?? "f32");
  const y = tape.output("y", [m, n]);
  const attributes = { transposeA: layout === "tn", transposeB: layout === "nt", alpha };
  if (inner) {
    let [last] = tape.apply(matmul, [left, right], attributes);
    // Products with the same factor would share launches.
    for (let i = 1; i < repeat; i++) [last] = tape.apply(matmul, [left, right], { ...attributes, alpha: alpha * (1 + i / 1024) });
    if (repeat > 1) return tape;
    if (addend) [last] = tape.apply(matmul, [left, right, last!], attributes);
    tape.apply(reshape, [last!], { rows: m }, [y]);
    return tape;
  }
  for (let i = 0; i < repeat; i++) tape.apply(matmul, addend ? [left, right, y] : [left, right], attributes, [y]);
  return tape;
}

/** `random` as float16; the million is converted once. */
function randomHalves(length: number, seed: number): Uint16Array {
  const block = float32ToFloat16(random(Math.min(length, 1 << 20), seed));
  const values = new Uint16Array(length);
  for (let at = 0; at < length; at += block.length) values.set(block.subarray(0, Math.min(block.length, length - at)), at);
  return values;
}

async function prepare(backend: Backend, shape: Shape, repeat: number) {
  const program = record(shape, repeat).finish();
  const buffers = new Map(
    program.tensors.filter(({ role }) => role !== "activation").map((tensor) => [tensor.name, backend.allocate(tensor)]),
  );
  for (const [name, buffer] of buffers) {
    // What a product writes without reading it first may hold anything.
    if (buffer.length > 2 ** 28 && name === "y") continue;
    const seed = name.charCodeAt(0);
    backend.upload(buffer, buffer.dtype === "f16" ? randomHalves(buffer.length, seed) : random(buffer.length, seed));
  }
  return { executable: await backend.compile(program, buffers), buffers };
}

/** Milliseconds without a faster round before one is timed. */
const SETTLED = 300;

const { values: flags } = parseArgs({
  options: {
    float32: { type: "boolean", default: false },
    "no-check": { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
const precision = flags.float32 ? "float32" : "mixed";
const gpu = await createBackend({ precision });
console.log(`${gpu.capabilities.adapter}, ${precision}`);

/** Largest difference from float64 in sums over a row or a column and in single elements, in units of what rounding explains. */
async function check(shape: Shape): Promise<number> {
  const { m, n, k, layout, alpha = 1, addend, inner } = shape;
  const { executable, buffers } = await prepare(gpu, shape, 1);
  const before = random(m * n, "y".charCodeAt(0));
  gpu.run(executable);
  const actual = await gpu.download(buffers.get("y")!);
  const [a, b] = [random(m * k, "a".charCodeAt(0)), random(n * k, "b".charCodeAt(0))];
  const left = (row: number, depth: number): number => a[layout === "tn" ? depth * m + row : row * k + depth]!;
  const right = (depth: number, column: number): number => b[layout === "nt" ? column * k + depth : depth * n + column]!;
  const factor = inner && addend ? 2 * alpha : alpha;
  const start = (row: number, column: number): number => (addend && !inner ? before[row * n + column]! : 0);
  // Two operands and, where y is float16, two stored results are off by at most 2^-11 each, of values of sqrt(k) / 3 in the mean.
  const rounding = ((inner ? 4 : 2) * 2 ** -11 * Math.sqrt(k) * factor) / 3;
  let worst = 0;
  for (let i = 0; i < 200; i++) {
    const [row, column] = [(i * 7919) % m, (i * 104729 + (i % 3) * (n - 1)) % n];
    let expected = start(row, column);
    for (let depth = 0; depth < k; depth++) expected += factor * left(row, depth) * right(depth, column);
    worst = Math.max(worst, Math.abs(actual[row * n + column]! - expected) / (4 * rounding));
  }
  const [overColumns, overRows] = [new Float64Array(k), new Float64Array(k)];
  for (let depth = 0; depth < k; depth++) {
    for (let column = 0; column < n; column++) overColumns[depth]! += right(depth, column);
    for (let row = 0; row < m; row++) overRows[depth]! += left(row, depth);
  }
  const [rowError, columnError] = [new Float64Array(m), new Float64Array(n)];
  for (let row = 0; row < m; row++) {
    for (let depth = 0; depth < k; depth++) rowError[row]! -= factor * left(row, depth) * overColumns[depth]!;
    for (let column = 0; column < n; column++) {
      const difference = actual[row * n + column]! - start(row, column);
      rowError[row]! += difference;
      columnError[column]! += difference;
    }
  }
  for (let depth = 0; depth < k; depth++)
    for (let column = 0; column < n; column++) columnError[column]! -= factor * right(depth, column) * overRows[depth]!;
  for (const error of rowError) worst = Math.max(worst, Math.abs(error) / (5 * rounding * Math.sqrt(n)));
  for (const error of columnError) worst = Math.max(worst, Math.abs(error) / (5 * rounding * Math.sqrt(m)));
  gpu.free(executable);
  for (const buffer of buffers.values()) gpu.free(buffer);
  return worst;
}

const checked: Shape[] = [];
for (const layout of ["nn", "nt", "tn"] as const) {
  for (const [m, n, k] of [
    [128, 128, 64],
    [136, 200, 72],
    [8, 264, 520],
    [264, 8, 1040],
    [200, 16, 2048],
    [2048, 128, 16],
    [600, 584, 576],
    [1280, 1280, 48],
    [130, 68, 12],
    // From here on with kernels of their own.
    [1024, 1024, 512],
    [2048, 576, 576],
    [2048, 200, 1024],
    [1000, 1160, 512],
    [576, 1536, 1024],
    [2176, 2176, 64],
  ] as const) {
    checked.push({ m, n, k, layout }, { m, n, k, layout, b: "f16", addend: true, alpha: 0.5 }, { m, n, k, layout, a: "f16", b: "f16" });
    checked.push({ m, n, k, layout, a: "f16", inner: true }, { m, n, k, layout, b: "f16", addend: true, alpha: 0.5, inner: true });
  }
}
let worst = 0;
for (const shape of flags["no-check"] ? [] : checked) {
  const error = await check(shape);
  worst = Math.max(worst, error);
  if (!(error < 1)) console.log("WRONG", JSON.stringify(shape), error);
}
if (worst > 0) console.log(`worst error over ${checked.length} products: ${worst.toFixed(3)} of the bound`);

const halves = { a: "f16", b: "f16" } as const;
const layouts = ["nn", "nt", "tn"] as const;
const timed: Shape[] = [
  ...layouts.map((layout) => ({ m: 4096, n: 4096, k: 4096, layout })),
  ...layouts.map((layout) => ({ m: 4096, n: 4096, k: 4096, layout, ...halves })),
  // Forward, x W^T: tokens by what a weight gives, of what it takes.
  ...(
    [
      [4096, 4096, 4096],
      [8192, 1536, 576],
      [8192, 576, 1536],
      [8192, 576, 576],
      [8192, 8192, 2048],
      [8192, 2048, 8192],
      [8192, 14336, 4096],
      [8192, 4096, 14336],
      [8192, 16, 2048],
    ] as const
  ).map(([m, n, k]) => ({ m, n, k, layout: "nt" as const, ...halves, inner: true })),
  // Backward, dy W, and the gradients of weights.
  { m: 8192, n: 576, k: 1536, layout: "nn", ...halves, inner: true },
  { m: 8192, n: 2048, k: 8192, layout: "nn", ...halves, inner: true },
  { m: 8192, n: 4096, k: 14336, layout: "nn", ...halves, inner: true },
  { m: 576, n: 1536, k: 8192, layout: "tn", ...halves },
  { m: 2048, n: 8192, k: 8192, layout: "tn", ...halves },
  { m: 8192, n: 2048, k: 16, layout: "nt", addend: true },
  { m: 8192, n: 2048, k: 16, layout: "nt", a: "f16", inner: true },
  { m: 16, n: 2048, k: 8192, layout: "tn", ...halves },
  { m: 2048, n: 16, k: 8192, layout: "tn", ...halves },
  // A head of 128256 tokens: logits, gradient of what it reads, gradient of its weights. Last, since the largest may not fit.
  { m: 2048, n: 128256, k: 2048, layout: "nt", ...halves, inner: true },
  { m: 2048, n: 2048, k: 128256, layout: "nn", ...halves, inner: true },
  { m: 128256, n: 2048, k: 2048, layout: "tn", ...halves },
  { m: 8192, n: 128256, k: 2048, layout: "nt", ...halves, inner: true },
];
/** Milliseconds a product, of one round. */
async function time(shape: Shape): Promise<number> {
  const repeat = Math.max(4, Math.min(400, Math.round(2e13 / (2 * shape.m * shape.n * shape.k))));
  const { executable, buffers } = await prepare(gpu, shape, repeat);
  const round = async (): Promise<void> => {
    gpu.run(executable);
    await gpu.sync();
  };
  await warmUp(round, SETTLED);
  const start = performance.now();
  await round();
  const milliseconds = (performance.now() - start) / repeat;
  gpu.free(executable);
  for (const buffer of buffers.values()) gpu.free(buffer);
  return milliseconds;
}
// A GPU's clock falls for seconds at a time: three passes over all shapes meet it at different ones.
const passes: (number | string)[][] = [];
const nameOf = ({ m, n, k, layout, a, b, inner, addend }: Shape): string =>
  `${m}x${n}x${k} ${layout} a:${a ?? "f32"} b:${b ?? "f32"}${inner ? " y:f16" : ""}${addend ? " +y" : ""}`;
const shapes = (precision === "mixed" ? timed : timed.slice(0, 3)).filter((shape) => new RegExp(flags.only).test(nameOf(shape)));
for (let pass = 0; pass < 3; pass++) {
  passes.push([]);
  for (const shape of shapes) {
    passes[pass]!.push(await time(shape).catch((error: unknown) => (error instanceof Error ? error.message : String(error))));
  }
}
for (const [index, shape] of shapes.entries()) {
  const { m, n, k } = shape;
  const name = nameOf(shape);
  const [first, middle, last] = passes.map((pass) => pass[index]!).sort((x, y) => Number(x) - Number(y));
  const speed = (ms: number): string => ((2 * m * n * k) / ms / 1e9).toFixed(1);
  if ([first, middle, last].every((ms) => typeof ms === "number")) {
    const [fast, median, slow] = [first, middle, last] as [number, number, number];
    console.log(`${name}: ${(median * 1000).toFixed(1)} us, ${speed(median)} TFLOP/s (${speed(slow)} to ${speed(fast)})`);
  } else {
    process.exitCode = 1;
    console.log(`${name}: not timed, ${[first, middle, last].find((ms) => typeof ms === "string")}`);
  }
}
await gpu.dispose();
