import { copy, matmul, Tape, type Backend, type Program } from "@sft/kernels";
import type { KernelProfile } from "./kernelProfile.ts";

/** What this machine reached in this run where nothing else was asked of it: the lines that a roofline is drawn with. */
export interface Ceilings {
  /** Read and written by a copy of 512 MiB. */
  readonly bytesPerSecond: number;
  /** Of a product of 4096 x 4096 x 4096, its operands float16 where products round to it. */
  readonly flopsPerSecond: number;
}

const COPIED_ELEMENTS = 2 ** 27;
const SIZE = 4096;
const WARM_UP_MILLISECONDS = 500;
const RUNS = 10;

/**
 * Times a copy and a product by the device's own clock. The backend must report to `profile`. Undefined where it has no clock.
 * A GPU leaves its idle clock, a fifth of the full one, only after about a tenth of a second of work: it is warmed up first.
 */
export async function measureCeilings(backend: Backend, profile: KernelProfile): Promise<Ceilings | undefined> {
  const half = (backend.capabilities.productRoundoff ?? 0) >= 2 ** -11;
  const product = new Tape("ceiling product");
  const [a, b] = ["a", "b"].map((name) => product.input(name, [SIZE, SIZE], half ? "f16" : "f32"));
  product.apply(matmul, [a!, b!], { transposeA: false, transposeB: false, alpha: 1 }, [product.output("c", [SIZE, SIZE])]);
  const copying = new Tape("ceiling copy");
  copying.apply(copy, [copying.input("from", [COPIED_ELEMENTS], "f32")], {}, [copying.output("to", [COPIED_ELEMENTS])]);
  const productTime = await fastest(backend, profile, product.finish());
  const copyTime = await fastest(backend, profile, copying.finish());
  if (productTime === undefined || copyTime === undefined) return undefined;
  return { flopsPerSecond: (2 * SIZE ** 3) / (productTime / 1000), bytesPerSecond: (8 * COPIED_ELEMENTS) / (copyTime / 1000) };
}

/** Milliseconds of the fastest run of a program. */
async function fastest(backend: Backend, profile: KernelProfile, program: Program): Promise<number | undefined> {
  const bindings = new Map(program.tensors.map((tensor) => [tensor.name, backend.allocate(tensor)]));
  const executable = await backend.compile(program, bindings);
  let best: number | undefined;
  const started = performance.now();
  for (let run = 0; run < RUNS || performance.now() - started < WARM_UP_MILLISECONDS; run++) {
    backend.run(executable);
    await backend.sync();
    // The times arrive with what was queued behind the run.
    await backend.download(bindings.values().next().value!, 0, 1);
    const milliseconds = profile.of((name) => name === program.name).reduce((sum, timing) => sum + timing.milliseconds, 0);
    if (milliseconds > 0 && run > 0) best = Math.min(best ?? Infinity, milliseconds);
  }
  backend.free(executable);
  for (const buffer of bindings.values()) backend.free(buffer);
  return best;
}
