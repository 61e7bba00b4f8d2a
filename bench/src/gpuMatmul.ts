// Matrix products on this machine's GPU: correctness of every layout on odd sizes, then TFLOP/s at the sizes of real models.
import { matmul, Tape, type Backend } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { createBackend } from "@sft/kernels-webgpu/node";
import { float32ToFloat16 } from "@sft/checkpoint";

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

function record({ m, n, k, layout, a = undefined, b = undefined, addend, alpha = 1 }: Shape, repeat: number): Tape {
  const tape = new Tape("matmul");
  const left = tape.input("a", layout === "tn" ? [k, m] : [m, k], a ?? "f32");
  const right = tape.input("b", layout === "nt" ? [n, k] : [k, n], b ?? "f32");
  const y = tape.output("y", [m, n]);
  const attributes = { transposeA: layout === "tn", transposeB: layout === "nt", alpha };
  for (let i = 0; i < repeat; i++) tape.apply(matmul, addend ? [left, right, y] : [left, right], attributes, [y]);
  return tape;
}

async function prepare(backend: Backend, shape: Shape, repeat: number) {
  const program = record(shape, repeat).finish();
  const buffers = new Map(
    program.tensors.filter(({ role }) => role !== "activation").map((tensor) => [tensor.name, backend.allocate(tensor)]),
  );
  for (const [name, buffer] of buffers) {
    const data = random(buffer.length, name.charCodeAt(0));
    if (buffer.dtype === "f16") backend.upload(buffer, float32ToFloat16(data));
    else backend.upload(buffer, data);
  }
  return { executable: await backend.compile(program, buffers), buffers };
}

const precision = process.argv.includes("--float32") ? "float32" : "mixed";
const gpu = await createBackend({ precision });
const oracle = await createCpuBackend({ precision: "float64", threads: 1 });
console.log(`${gpu.capabilities.adapter}, ${precision}`);
const odd: Shape[] = [];
for (const layout of ["nn", "nt", "tn"] as const) {
  for (const [m, n, k] of [
    [128, 128, 64],
    [136, 200, 72],
    [8, 264, 520],
    [264, 8, 1040],
    [200, 16, 2048],
    [512, 640, 40],
    [1032, 200, 64],
    [600, 584, 576],
    [192, 1160, 96],
    [1280, 1280, 48],
    [72, 200, 16],
    [130, 68, 12],
  ] as const) {
    odd.push({ m, n, k, layout }, { m, n, k, layout, b: "f16", addend: true, alpha: 0.5 }, { m, n, k, layout, a: "f16", addend: true });
  }
}
let worst = 0;
for (const shape of odd) {
  const [one, two] = [await prepare(gpu, shape, 1), await prepare(oracle, { ...shape }, 1)];
  gpu.run(one.executable);
  oracle.run(two.executable);
  const [actual, expected] = [await gpu.download(one.buffers.get("y")!), await oracle.download(two.buffers.get("y")!)];
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  const error = Math.sqrt(difference / norm);
  worst = Math.max(worst, error);
  // Rounding to float16 is off by at most 2^-11 an operand, 2.8e-4 in the mean square of both.
  if (!(error < 5e-4)) console.log("WRONG", JSON.stringify(shape), error);
}
console.log(`worst relative error over ${odd.length} products: ${worst.toExponential(2)}`);

const timed: Shape[] = [
  ...(["nn", "nt", "tn"] as const).map((layout) => ({
    m: 4096,
    n: 4096,
    k: 4096,
    layout,
    ...(layout === "nt" ? { b: "f16" as const } : {}),
  })),
  { m: 4096, n: 4096, k: 4096, layout: "nn", a: "f16", b: "f16" },
  { m: 4096, n: 4096, k: 4096, layout: "nt", a: "f16", b: "f16" },
  { m: 4096, n: 4096, k: 4096, layout: "tn", a: "f16", b: "f16" },
  { m: 8192, n: 1536, k: 576, layout: "nt" },
  { m: 8192, n: 576, k: 1536, layout: "nt" },
  { m: 576, n: 1536, k: 8192, layout: "tn" },
  { m: 8192, n: 8192, k: 2048, layout: "nt", b: "f16" },
  { m: 8192, n: 2048, k: 8192, layout: "nn", b: "f16" },
  { m: 8192, n: 14336, k: 4096, layout: "nt", b: "f16" },
  { m: 1024, n: 128256, k: 2048, layout: "nt", b: "f16" },
  { m: 8192, n: 16, k: 2048, layout: "nt" },
  { m: 8192, n: 2048, k: 16, layout: "nt", addend: true },
  { m: 16, n: 2048, k: 8192, layout: "tn", addend: true },
  { m: 2048, n: 16, k: 8192, layout: "tn", addend: true },
];
for (const shape of timed) {
  const repeat = Math.max(4, Math.min(50, Math.round(2e12 / (2 * shape.m * shape.n * shape.k))));
  const { executable, buffers } = await prepare(gpu, shape, repeat);
  const times: number[] = [];
  // A GPU leaves its idle clock, a fifth of the full one, only after about a tenth of a second of work.
  for (const start = performance.now(); performance.now() - start < 250; await gpu.sync()) gpu.run(executable);
  for (let i = 0; i < 4; i++) {
    await gpu.sync();
    const start = performance.now();
    gpu.run(executable);
    await gpu.sync();
    if (i > 0) times.push((performance.now() - start) / repeat);
  }
  const ms = times.sort((x, y) => x - y)[1]!;
  console.log(
    `${shape.m}x${shape.n}x${shape.k} ${shape.layout} a:${shape.a ?? "f32"} b:${shape.b ?? "f32"}${shape.addend ? " +y" : ""}: ${(ms * 1000).toFixed(1)} us, ${((2 * shape.m * shape.n * shape.k) / ms / 1e9).toFixed(1)} TFLOP/s`,
  );
  gpu.free(executable);
  for (const buffer of buffers.values()) gpu.free(buffer);
}
await gpu.dispose();
await oracle.dispose();
