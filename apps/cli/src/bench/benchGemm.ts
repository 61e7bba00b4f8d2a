import { float32ToFloat16 } from "@sft/checkpoint";
import { matmul, Tape, type Backend } from "@sft/kernels";

export type GemmLayout = "nn" | "nt" | "tn";

export interface GemmBenchOptions {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Which operands are stored transposed: "nt" has b [n, k], "tn" has a [k, m]. */
  readonly layout: GemmLayout;
  /** Of the operands; the result is float32. */
  readonly dtype: "f32" | "f16";
  /** Runs per sample; the fastest sample counts. */
  readonly repeats: number;
}

/** The figures of `sft bench gemm --json`. */
export interface GemmBenchResult extends Omit<GemmBenchOptions, "repeats"> {
  /** 2 m n k / seconds. */
  readonly flopsPerSecond: number;
  readonly msPerRun: number;
  readonly backend: string;
  readonly adapter: string;
}

const samples = 5;
const warmUpMilliseconds = 300;

/** Times one matrix product a run, c[m, n] = a b, by the backend's own kernel. */
export async function benchGemm(backend: Backend, { m, n, k, layout, dtype, repeats }: GemmBenchOptions): Promise<GemmBenchResult> {
  const [transposeA, transposeB] = [layout === "tn", layout === "nt"];
  const tape = new Tape("gemm");
  const a = tape.input("a", transposeA ? [k, m] : [m, k], dtype);
  const b = tape.input("b", transposeB ? [n, k] : [k, n], dtype);
  tape.apply(matmul, [a, b], { transposeA, transposeB, alpha: 1 }, [tape.output("c", [m, n])]);
  const program = tape.finish();
  const bindings = new Map(
    program.tensors.filter(({ role }) => role !== "activation").map((tensor) => [tensor.name, backend.allocate(tensor)]),
  );
  for (const name of ["a", "b"]) {
    const values = wave(bindings.get(name)!.length);
    backend.upload(bindings.get(name)!, dtype === "f32" ? values : float32ToFloat16(values));
  }
  const executable = await backend.compile(program, bindings);
  const time = async (): Promise<number> => {
    const started = performance.now();
    for (let run = 0; run < repeats; run++) backend.run(executable);
    await backend.download(bindings.get("c")!, 0, 1);
    return (performance.now() - started) / repeats;
  };
  // A GPU leaves its idle clock, a fifth of the full one, only after about a tenth of a second of work.
  for (const started = performance.now(); performance.now() - started < warmUpMilliseconds;) await time();
  let msPerRun = Infinity;
  for (let sample = 0; sample < samples; sample++) msPerRun = Math.min(msPerRun, await time());
  const { backend: name, adapter } = backend.capabilities;
  return { m, n, k, layout, dtype, flopsPerSecond: (2 * m * n * k) / (msPerRun / 1000), msPerRun, backend: name, adapter };
}

/** Numbers of ordinary size: zeros and subnormals would not be timed fairly. */
function wave(length: number): Float32Array {
  const values = new Float32Array(length);
  const period = Math.min(length, 1 << 16);
  for (let index = 0; index < period; index++) values[index] = Math.sin(index);
  for (let at = period; at < length; at += period) values.copyWithin(at, 0, Math.min(period, length - at));
  return values;
}
