// The products of gate and up with what comes of them in one kernel, on this machine's GPU: against float64 by whole rows, and its time.
import { float32ToFloat16 } from "@sft/checkpoint";
import { gatedActivation, matmul, reshape, Tape, type ActivationKind, type BackendBuffer } from "@sft/kernels";
import { createBackend, type KernelTiming } from "@sft/kernels-webgpu/node";
import { rowsAtEdges, sixtyFourths } from "./sixtyFourths.ts";
import { warmUp } from "./warmUp.ts";

let timings: readonly KernelTiming[] = [];
const gpu = await createBackend({ precision: "mixed", profile: (given) => void (timings = given) });
console.log(gpu.capabilities.adapter);
/** So that gate and up are of the size that trained models have. */
const ALPHA = 1 / 16;

const functions: Partial<Record<ActivationKind, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

async function check(m: number, n: number, k: number, kind: "silu" | "geluTanh"): Promise<string> {
  const tape = new Tape("gated");
  const data = new Map([
    ["x", sixtyFourths(m * k, 1)],
    ["g", sixtyFourths(n * k, 2)],
    ["u", sixtyFourths(n * k, 3)],
  ]);
  const product = (weight: string) =>
    tape.apply(matmul, [tape.input("x", [m, k], "f16"), tape.input(weight, [n, k], "f16")], {
      transposeA: false,
      transposeB: true,
      alpha: ALPHA,
    })[0]!;
  const [gate, up] = [product("g"), product("u")];
  const gated = tape.apply(gatedActivation, [gate, up], { kind })[0]!;
  [gate, up, gated].forEach((value, index) => tape.apply(reshape, [value], { rows: m }, [tape.output(`y${index}`, [m, n])]));
  const program = tape.finish();
  const buffers = new Map<string, BackendBuffer>();
  for (const tensor of program.tensors) {
    if (tensor.role === "activation") continue;
    const buffer = gpu.allocate(tensor);
    buffers.set(tensor.name, buffer);
    const values = data.get(tensor.name);
    if (values) gpu.upload(buffer, float32ToFloat16(values));
  }
  const executable = await gpu.compile(program, buffers);
  await warmUp(async () => {
    gpu.run(executable);
    await gpu.sync();
  });
  const launch = timings.find(({ kernel }) => kernel.includes("of gate and up"));
  if (!launch) throw new Error(`three launches: ${timings.map(({ kernel }) => kernel).join()}`);
  const results = [];
  for (const name of ["y0", "y1", "y2"]) results.push(await gpu.download(buffers.get(name)!));
  const [x, g, u] = ["x", "g", "u"].map((name) => data.get(name)!) as [Float32Array, Float32Array, Float32Array];
  let worst = 0;
  for (const row of rowsAtEdges(m)) {
    for (let column = 0; column < n; column++) {
      const at = row * n + column;
      for (const [index, weight] of [g, u].entries()) {
        let [expected, size] = [0, 0];
        for (let d = 0; d < k; d++) {
          const term = ALPHA * x[row * k + d]! * weight[column * k + d]!;
          expected += term;
          size += Math.abs(term);
        }
        // Float32 sums of exact products: a few roundings of the largest partial sum; float16 rounds once.
        worst = Math.max(worst, Math.abs(results[index]![at]! - expected) / (size * 2 ** -22 + Math.abs(expected) * 2 ** -11));
      }
      // Of the rounded gate and up: one rounding to float16, and some of float32 in the activation.
      const expected = functions[kind]!(results[0]![at]!) * results[1]![at]!;
      worst = Math.max(worst, Math.abs(results[2]![at]! - expected) / (Math.abs(expected) * (2 ** -11 + 2 ** -19) + 2 ** -24));
    }
  }
  for (const buffer of buffers.values()) gpu.free(buffer);
  gpu.free(executable);
  const tflops = (4 * m * n * k) / launch.milliseconds / 1e9;
  return `${worst <= 1 ? "ok" : "WRONG"} ${worst.toFixed(3)} of the bound, ${(1000 * launch.milliseconds).toFixed(0)} us, ${tflops.toFixed(0)} TF/s, ${launch.kernel}`;
}

for (const [m, n, k, kind] of [
  [8192, 1536, 576, "silu"],
  [8200, 1536, 576, "silu"],
  [5464, 8192, 2048, "silu"],
  [8192, 8192, 2048, "silu"],
  [2048, 6912, 1152, "geluTanh"],
] as const) {
  console.log(`${m} x ${n} x ${k}, ${kind}: ${await check(m, n, k, kind)}`);
}
await gpu.dispose();
process.exit(0);
