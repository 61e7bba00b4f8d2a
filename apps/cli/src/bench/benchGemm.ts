import { matmul, Tape, type Backend } from "@sft/kernels";

export type GemmLayout = "nn" | "nt" | "tn";

export interface GemmBenchOptions {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Which operands are stored transposed: "nt" has b [n, k], "tn" has a [k, m]. */
  readonly layout: GemmLayout;
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

/** Times one matrix product a run, c[m, n] = a b, by the backend's own kernel. */
export async function benchGemm(backend: Backend, { m, n, k, layout, dtype, repeats }: GemmBenchOptions): Promise<GemmBenchResult> {
  const [transposeA, transposeB] = [layout === "tn", layout === "nt"];
  const tape = new Tape("gemm");
  const a = tape.input("a", transposeA ? [k, m] : [m, k], dtype);
  const b = tape.input("b", transposeB ? [n, k] : [k, n], dtype);
  tape.apply(matmul, [a, b], { transposeA, transposeB, alpha: 1 }, [tape.output("c", [m, n], dtype)]);
  const program = tape.finish();
  const bindings = new Map(program.tensors.filter(({ role }) => role !== "activation").map((tensor) => [tensor.name, backend.allocate(tensor)]));
  if (dtype === "f32") for (const name of ["a", "b"]) backend.upload(bindings.get(name)!, wave(bindings.get(name)!.length));
  const executable = await backend.compile(program, bindings);
  const time = async (): Promise<number> => {
    const started = performance.now();
    for (let run = 0; run < repeats; run++) backend.run(executable);
    await backend.download(bindings.get("c")!, 0, 1);
    return (performance.now() - started) / repeats;
  };
  await time();
  let msPerRun = Infinity;
  for (let sample = 0; sample < samples; sample++) msPerRun = Math.min(msPerRun, await time());
  const { backend: name, adapter } = backend.capabilities;
  return { m, n, k, layout, dtype, flopsPerSecond: (2 * m * n * k) / (msPerRun / 1000), msPerRun, backend: name, adapter };
}

/** Numbers of ordinary size: zeros and subnormals would not be timed fairly. */
function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => Math.sin(index));
}
