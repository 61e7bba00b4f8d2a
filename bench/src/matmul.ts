/**
 * GFLOP/s of float32 512 x 512 x 512 products: this package on one thread and on all, beside tfjs-wasm (XNNPACK with SIMD).
 * The contenders take turns, so that whatever else the machine does meets them alike; the median of the rounds counts.
 *
 *   pnpm --filter @sft/kernels-cpu bench [rounds]
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { matmul, Tape } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

const SIZE = 512;
const PRODUCTS = 8;
const rounds = Number(process.argv[2] ?? 15);
const operations = 2 * SIZE ** 3 * PRODUCTS;

interface Contender {
  readonly name: string;
  /** Does PRODUCTS products and waits for them. */
  readonly run: () => Promise<void>;
  /** One element of the product, to see that all compute the same. */
  readonly sample: () => Promise<number>;
}

const random = Float32Array.from({ length: SIZE * SIZE }, (_, index) => Math.sin(index * 0.7));
const other = Float32Array.from({ length: SIZE * SIZE }, (_, index) => Math.cos(index * 1.3));

async function ours(threads: number | undefined, transposeA: boolean, transposeB: boolean): Promise<Contender> {
  const backend = await createCpuBackend(threads === undefined ? {} : { threads });
  const tape = new Tape("matmul");
  const a = tape.external("a", "input", [SIZE, SIZE], "f32");
  const b = tape.external("b", "input", [SIZE, SIZE], "f32");
  for (let product = 0; product < PRODUCTS; product++)
    tape.apply(matmul, [a, b], { transposeA, transposeB, alpha: 1 }, [tape.output("y", [SIZE, SIZE])]);
  const buffers = new Map(["a", "b", "y"].map((name) => [name, backend.allocate({ shape: [SIZE, SIZE], dtype: "f32" })]));
  backend.upload(buffers.get("a")!, random);
  backend.upload(buffers.get("b")!, other);
  const executable = await backend.compile(tape.finish(), buffers);
  const layout = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  return {
    name: `sft ${layout}, ${backend.capabilities.adapter.split(", ").at(-1)}`,
    run: async () => backend.run(executable),
    sample: async () => (await backend.download(buffers.get("y")!, 5 * SIZE + 7, 1))[0],
  };
}

async function tfjs(): Promise<Contender> {
  const require = createRequire(import.meta.url);
  setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist/"));
  await tf.setBackend("wasm");
  await tf.ready();
  const a = tf.tensor2d(random, [SIZE, SIZE]);
  const b = tf.tensor2d(other, [SIZE, SIZE]);
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  return {
    name: `tfjs-wasm ${tf.version_core} NN (SIMD ${String(simd)})`,
    run: async () => {
      for (let product = 0; product < PRODUCTS; product++) tf.matMul(a, b).dispose();
    },
    sample: async () => {
      const y = tf.matMul(a, b);
      const values = await y.data();
      y.dispose();
      return values[5 * SIZE + 7];
    },
  };
}

const contenders = [
  await ours(1, false, false),
  await ours(1, false, true),
  await ours(1, true, false),
  await ours(1, true, true),
  await ours(undefined, false, false),
  await tfjs(),
];
const times = contenders.map((): { wall: number; processor: number }[] => []);
for (let round = -3; round < rounds; round++) {
  for (const [index, contender] of contenders.entries()) {
    const start = performance.now();
    const before = process.cpuUsage();
    await contender.run();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) times[index].push({ wall: performance.now() - start, processor: (user + system) / 1000 });
  }
}
const median = (values: readonly number[]): number => values.toSorted((x, y) => x - y)[values.length >> 1];
const rate = (milliseconds: number): string => (operations / milliseconds / 1e6).toFixed(1).padStart(6);
for (const [index, contender] of contenders.entries()) {
  const wall = times[index].map((time) => time.wall);
  console.log(
    `${contender.name.padEnd(34)} median ${rate(median(wall))} GFLOP/s, best ${rate(Math.min(...wall))}, ` +
      `per second of processor time ${rate(median(times[index].map((time) => time.processor)))}   y[5,7] = ${(await contender.sample()).toFixed(4)}`,
  );
}
process.exit(0);
