/**
 * First contact with a GPU: every conformance case against the float64 reference, then matmul and copy speed. Prints JSON.
 * npx tsx --conditions @sft/source lab/check.ts [part of an adapter's name] [--software] [--quick]
 */
import { copy, matmul, Tape, type Backend, type BackendBuffer, type Program } from "@sft/kernels";
import { createCpuBackend } from "@sft/kernels-cpu";
import { conformanceCases, halfCases, runConformanceCase } from "@sft/kernels/testing";
import { useSoftwareGpu } from "@sft/software-gpu";
import { createBackend } from "../src/node.ts";

const adapter = process.argv.slice(2).find((argument) => !argument.startsWith("--"));
const quick = process.argv.includes("--quick");
if (process.argv.includes("--software")) await useSoftwareGpu();
const backend = await createBackend(adapter ? { adapter } : {});
const reference = await createCpuBackend({ precision: "float64" });

/** Cases that an adapter whose shaders have no float16 is not asked. */
const skipped = backend.capabilities.halfWeights ? [] : halfCases;
const cases = conformanceCases.filter(({ name }) => !skipped.includes(name));
const failures: { name: string; checks: unknown; error?: string }[] = [];
const started = performance.now();
for (const one of cases) {
  const result = await runConformanceCase(backend, reference, one);
  if (!result.pass)
    failures.push({
      name: result.name,
      checks: result.checks.filter((check) => !check.pass),
      ...(result.error ? { error: String(result.error) } : {}),
    });
}
const conformanceSeconds = (performance.now() - started) / 1000;

/** Median seconds of one run, over several batches of runs that each fill some tens of milliseconds. */
async function secondsOf(program: Program): Promise<number> {
  const buffers = new Map<string, BackendBuffer>(program.tensors.map((tensor) => [tensor.name, backend.allocate(tensor)]));
  const executable = await backend.compile(program, buffers);
  const time = async (runs: number): Promise<number> => {
    const start = performance.now();
    for (let run = 0; run < runs; run++) backend.run(executable);
    await backend.sync();
    return (performance.now() - start) / 1000 / runs;
  };
  await time(1);
  const runs = Math.max(1, Math.min(200, Math.round(0.03 / (await time(2)))));
  const samples = [await time(runs), await time(runs), await time(runs), await time(runs), await time(runs)].sort((a, b) => a - b);
  for (const resource of [executable, ...buffers.values()]) backend.free(resource);
  return samples[2]!;
}

function product(m: number, n: number, k: number, layout: "nn" | "nt" | "tn"): Program {
  const [transposeA, transposeB] = [layout[0] === "t", layout[1] === "t"];
  const tape = new Tape(`matmul ${layout} ${m}x${n}x${k}`);
  const a = tape.input("a", transposeA ? [k, m] : [m, k], "f32");
  const b = tape.input("b", transposeB ? [n, k] : [k, n], "f32");
  tape.apply(matmul, [a, b], { transposeA, transposeB, alpha: 1 }, [tape.output("y", [m, n])]);
  return tape.finish();
}

function copying(length: number): Program {
  const tape = new Tape("copy");
  tape.apply(copy, [tape.input("x", [length], "f32")], {}, [tape.output("y", [length])]);
  return tape.finish();
}

async function speeds(of: Backend): Promise<Record<string, number>> {
  const side = of.capabilities.hardwareAccelerated ? 4096 : 512;
  const gigaflops: Record<string, number> = {};
  for (const layout of ["nn", "nt", "tn"] as const)
    gigaflops[`${layout} ${side}`] = (2 * side ** 3) / (await secondsOf(product(side, side, side, layout))) / 1e9;
  if (of.capabilities.hardwareAccelerated) {
    gigaflops["nt 8192x576x1536"] = (2 * 8192 * 576 * 1536) / (await secondsOf(product(8192, 576, 1536, "nt"))) / 1e9;
    gigaflops["nt 8192x16x2048"] = (2 * 8192 * 16 * 2048) / (await secondsOf(product(8192, 16, 2048, "nt"))) / 1e9;
    gigaflops["tn 16x2048x8192"] = (2 * 16 * 2048 * 8192) / (await secondsOf(product(16, 2048, 8192, "tn"))) / 1e9;
  }
  return gigaflops;
}

const copyLength = backend.capabilities.hardwareAccelerated ? 2 ** 28 : 2 ** 22;
const report = {
  capabilities: { ...backend.capabilities, ops: backend.capabilities.ops.size },
  conformance: { cases: cases.length, skipped: skipped.length, failed: failures.length, seconds: conformanceSeconds, failures },
  ...(quick
    ? {}
    : { gigaflops: await speeds(backend), copyGigabytesPerSecond: (copyLength * 8) / (await secondsOf(copying(copyLength))) / 1e9 }),
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
await Promise.all([backend.dispose(), reference.dispose()]);
