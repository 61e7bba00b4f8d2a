// Optimiser steps of a model of random weights on this machine's GPU, with a table of where the device's time goes.
//   gpuTrain MODEL.json lora|full BATCH SEQUENCE [mixed|float32] [profile] [json] [recompute] [hash]
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createBackend, type KernelTiming } from "@sft/kernels-webgpu/node";
import { frozenWeightsFor, LanguageModel, type TrainingMethod } from "@sft/model";
import { defaultSettings, OptimiserStep } from "@sft/trainer";
import { maskedTokens } from "./maskedTokens.ts";
import { meterMemory } from "./meterMemory.ts";

const [file, method = "lora", batch = "8", sequence = "1024", precision = "mixed", ...words] = process.argv.slice(2);
const [profile, json, recompute, hash] = ["profile", "json", "recompute", "hash"].map((word) => words.includes(word));
const timings: KernelTiming[] = [];
let measuring = false;
const backend = await createBackend({
  precision: precision as "mixed",
  ...(profile ? { profile: (given: readonly KernelTiming[]) => void (measuring && timings.push(...given)) } : {}),
});
const meter = meterMemory(backend);
const config = JSON.parse(await readFile(file!, "utf8")) as Record<string, unknown>;
const [rows, length] = [Number(batch), Number(sequence)];
const frozenWeights = method === "lora" ? frozenWeightsFor(backend.capabilities) : "float32";
const loading = performance.now();
const model = await LanguageModel.load({ backend, config, positions: length, frozenWeights });
await backend.sync();
const loadSeconds = (performance.now() - loading) / 1000;
if (method === "lora") await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
const settings = { ...defaultSettings, method: method as TrainingMethod, gradientCheckpointing: recompute!, maxSteps: 100 };
const optimiser = await OptimiserStep.create(model, settings);
const count = rows * length;
const tokens = maskedTokens(rows, length, model.config.vocabSize);
const times: number[] = [],
  hosts: number[] = [],
  losses: number[] = [];
const steps = profile ? 3 : 8;
for (let step = 0; step < steps; step++) {
  measuring = step === steps - 1;
  const start = performance.now();
  const { metrics } = await optimiser.run([tokens], step);
  hosts.push(performance.now() - start);
  losses.push((await metrics).loss);
  times.push(performance.now() - start);
}
// Steps queued without waiting, as training queues them: the median of three rounds of four.
const rounds: number[] = [];
for (let round = 0; !profile && round < 3; round++) {
  const start = performance.now();
  const pending = [];
  for (let step = 0; step < 4; step++) pending.push((await optimiser.run([tokens], steps + 4 * round + step)).metrics);
  await Promise.all(pending);
  rounds.push((performance.now() - start) / 4);
}
// The same on every run, if every run computes the same bits.
const parametersHash = createHash("sha256");
if (hash) for (const { name } of optimiser.parameters) parametersHash.update(await model.download(name));
const best = profile ? Math.min(...times.slice(1)) : rounds.sort((x, y) => x - y)[1]!;
if (json) {
  console.log(
    JSON.stringify({
      milliseconds: best,
      tokensPerSecond: (1000 * count) / best,
      peakBytes: meter.mostHeld + meter.workspace,
      hostMilliseconds: Math.min(...hosts.slice(1)),
      losses,
      ...(hash ? { parametersHash: parametersHash.digest("hex") } : {}),
    }),
  );
  process.exit(0);
}
console.log(
  `${file!.split("/").pop()} ${method} ${rows}x${length} ${precision}: ${best.toFixed(1)} ms a step (waiting each: ${Math.min(...times.slice(2)).toFixed(1)}), ${((1000 * count) / best).toFixed(0)} tokens/s, host ${Math.min(...hosts.slice(1)).toFixed(1)} ms, ${((meter.mostHeld + meter.workspace) / 2 ** 30).toFixed(1)} GiB, loaded in ${loadSeconds.toFixed(1)} s, losses ${losses
    .slice(0, 4)
    .map((loss) => loss.toFixed(4))
    .join(" ")}`,
);
if (profile) {
  const groups = new Map<string, { ms: number; calls: number; flops: number; bytes: number }>();
  for (const { op, kernel, shape, flops, milliseconds, boundBytes } of timings) {
    const key = `${op} | ${kernel}${shape === "" ? "" : ` | ${shape}`}`;
    const group = groups.get(key) ?? { ms: 0, calls: 0, flops: 0, bytes: 0 };
    groups.set(key, {
      ms: group.ms + milliseconds,
      calls: group.calls + 1,
      flops: group.flops + flops,
      bytes: group.bytes + boundBytes,
    });
  }
  const total = timings.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  console.log(`device time ${total.toFixed(1)} ms in ${timings.length} launches`);
  for (const [key, { ms, calls, flops, bytes }] of [...groups].sort((x, z) => z[1].ms - x[1].ms).slice(0, 45)) {
    console.log(
      `${ms.toFixed(2).padStart(8)} ms ${((100 * ms) / total).toFixed(1).padStart(5)} % ${String(calls).padStart(4)} x ${flops ? `${(flops / ms / 1e9).toFixed(0)} TF/s ` : ""}${(bytes / ms / 1e6).toFixed(0)} GB/s  ${key}`,
    );
  }
}
process.exit(0);
