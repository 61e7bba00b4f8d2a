// Products of base weights with a low-rank pair folded in, on this machine's GPU: every form against float64, by whole rows, and its time.
import { float32ToFloat16 } from "@sft/checkpoint";
import { matmul, reshape, Tape, type BackendBuffer } from "@sft/kernels";
import { createBackend, type KernelTiming } from "@sft/kernels-webgpu/node";
import { rowsAtEdges, sixtyFourths } from "./sixtyFourths.ts";
import { warmUp } from "./warmUp.ts";

interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly rank: number;
  /** Whether W is [n, k], as in the forward pass, or [k, n]. */
  readonly transposed: boolean;
  readonly x: "f16" | "f32";
  /** A float16 y, which only an activation can be. */
  readonly inner: boolean;
  readonly residual: boolean;
}

let timings: readonly KernelTiming[] = [];
const gpu = await createBackend({ precision: "mixed", profile: (given) => void (timings = given) });
console.log(gpu.capabilities.adapter);
const [ALPHA, PAIR_ALPHA] = [0.5, 2];

async function check(shape: Shape): Promise<string> {
  const { m, n, k, rank, transposed, x: type, inner, residual } = shape;
  const tape = new Tape("pair");
  const data = new Map<string, Float32Array>();
  const input = (name: string, rows: number, columns: number, dtype: "f16" | "f32") => {
    data.set(name, sixtyFourths(rows * columns, name.charCodeAt(0)));
    return tape.input(name, [rows, columns], dtype);
  };
  const [x, w] = [input("x", m, k, type), transposed ? input("w", n, k, "f16") : input("w", k, n, "f16")];
  const [thin, wide] = [input("t", m, rank, type), transposed ? input("b", n, rank, "f32") : input("b", rank, n, "f32")];
  const y = tape.output("y", [m, n]);
  const form = { transposeA: false, transposeB: transposed };
  const base = tape.apply(matmul, residual ? [x, w, input("r", m, n, "f32")] : [x, w], { ...form, alpha: ALPHA })[0]!;
  const sum = tape.apply(matmul, [thin, wide, base], { ...form, alpha: PAIR_ALPHA }, inner ? undefined : [y])[0]!;
  if (inner) tape.apply(reshape, [sum], { rows: m }, [y]);
  const program = tape.finish();
  const buffers = new Map<string, BackendBuffer>();
  for (const tensor of program.tensors) {
    if (tensor.role === "activation") continue;
    const buffer = gpu.allocate(tensor);
    buffers.set(tensor.name, buffer);
    const values = data.get(tensor.name);
    if (values) gpu.upload(buffer, tensor.dtype === "f16" ? float32ToFloat16(values) : values);
  }
  const executable = await gpu.compile(program, buffers);
  await warmUp(async () => {
    gpu.run(executable);
    await gpu.sync();
  });
  const actual = await gpu.download(buffers.get("y")!);
  const folded = timings.find(({ kernel }) => kernel.includes(`rank ${rank}`));
  if (!folded) throw new Error(`not folded: ${timings.map(({ kernel }) => kernel).join()}`);
  const [left, right, low, up, added] = ["x", "w", "t", "b", "r"].map((name) => data.get(name)!);
  let worst = 0;
  for (const row of rowsAtEdges(m)) {
    for (let column = 0; column < n; column++) {
      let [expected, size] = [residual ? added![row * n + column]! : 0, 1];
      for (let d = 0; d < k; d++) {
        const term = ALPHA * left![row * k + d]! * right![transposed ? column * k + d : d * n + column]!;
        expected += term;
        size += Math.abs(term);
      }
      for (let d = 0; d < rank; d++) {
        const term = PAIR_ALPHA * low![row * rank + d]! * up![transposed ? column * rank + d : d * n + column]!;
        expected += term;
        size += Math.abs(term);
      }
      // Float32 sums of exact products: a few roundings of the largest partial sum; a float16 y is rounded once.
      const bound = size * 2 ** -22 + (inner ? Math.abs(expected) * 2 ** -11 : 0);
      worst = Math.max(worst, Math.abs(actual[row * n + column]! - expected) / bound);
    }
  }
  for (const buffer of buffers.values()) gpu.free(buffer);
  gpu.free(executable);
  const tflops = (2 * m * n * (k + rank)) / folded.milliseconds / 1e9;
  return `${worst <= 1 ? "ok" : "WRONG"} ${worst.toFixed(3)} of the bound, ${(1000 * folded.milliseconds).toFixed(0)} us, ${tflops.toFixed(0)} TF/s, ${folded.kernel}`;
}

const shapes: Shape[] = [];
for (const transposed of [true, false]) {
  for (const [n, k] of [
    [1536, 576],
    [576, 1536],
    [200, 576],
    [2048, 2048],
  ] as const) {
    const ranks = n === 576 ? [8, 16, 32, 64] : [16];
    for (const rank of ranks) {
      const odd = rank === 8 || n === 200;
      shapes.push({ m: odd ? 8200 : 8192, n, k, rank, transposed, x: odd ? "f32" : "f16", inner: rank !== 32, residual: rank === 32 });
    }
  }
}
for (const shape of shapes) {
  const { m, n, k, rank, transposed, x, inner, residual } = shape;
  const name = `${transposed ? "NT" : "NN"} ${m} x ${n} x ${k}, rank ${rank}, ${x} to ${inner ? "f16" : "f32"}${residual ? ", added" : ""}`;
  console.log(`${name}: ${await check(shape)}`);
}
await gpu.dispose();
process.exit(0);
