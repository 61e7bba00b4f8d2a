// What the processor does in an optimiser step: queueing in all, its submits, and the process's own time, beside the step's.
//   gpuHost MODEL.json lora|full BATCH SEQUENCE [STEPS] [null]
// With "null" nothing is computed (Dawn's null device, 512 MiB at most): the cost of encoding alone, on any machine.
import { readFile } from "node:fs/promises";
import { createWebGpuBackend } from "@sft/kernels-webgpu";
import { createNodeDevice } from "@sft/kernels-webgpu/node";
import { frozenWeightsFor, LanguageModel, type TrainingMethod } from "@sft/model";
import { defaultSettings, OptimiserStep } from "@sft/trainer";
import { maskedTokens } from "./maskedTokens.ts";

const [file, word = "lora", batch = "8", sequence = "1024", count = "15", graphics] = process.argv.slice(2);
const [method, rows, length, steps] = [word as TrainingMethod, Number(batch), Number(sequence), Number(count)];
const { device, info } = await createNodeDevice(graphics === "null" ? { graphics } : {});

/** Milliseconds spent in a method of the queue since it was last set to 0. */
const spent = { submit: 0, writeBuffer: 0 };
for (const name of ["submit", "writeBuffer"] as const) {
  const original = (device.queue[name] as (...given: unknown[]) => undefined).bind(device.queue);
  device.queue[name] = (...given: unknown[]): undefined => {
    const start = performance.now();
    original(...given);
    spent[name] += performance.now() - start;
  };
}

const backend = await createWebGpuBackend({ device, adapterInfo: info, precision: "mixed", sleepsBeforeReads: true, ownsDevice: true });
const config = JSON.parse(await readFile(file!, "utf8")) as Record<string, unknown>;
const frozenWeights = method === "lora" ? frozenWeightsFor(backend.capabilities) : "float32";
const model = await LanguageModel.load({ backend, config, positions: length, frozenWeights, empty: graphics === "null" });
if (method === "lora") await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
const optimiser = await OptimiserStep.create(model, { ...defaultSettings, method, maxSteps: steps + 3 });
const tokens = maskedTokens(rows, length, model.config.vocabSize);
for (let step = 0; step < 3; step++) await (await optimiser.run([tokens], step)).metrics;

Object.assign(spent, { submit: 0, writeBuffer: 0 });
const queueing: number[] = [];
const used = process.cpuUsage();
const started = performance.now();
let before: Promise<unknown> = Promise.resolve();
for (let step = 0; step < steps; step++) {
  const start = performance.now();
  const { metrics } = await optimiser.run([tokens], 3 + step);
  queueing.push(performance.now() - start);
  // Two steps are under way, as in training.
  await before;
  before = metrics;
}
await before;
const { user, system } = process.cpuUsage(used);
const perStep = (milliseconds: number): string => `${(milliseconds / steps).toFixed(2)} ms`;
queueing.sort((a, b) => a - b);
console.log(
  `${method} ${rows} x ${length} on ${backend.capabilities.adapter}: a step ${perStep(performance.now() - started)}, ` +
    `queueing it ${queueing[0]!.toFixed(2)} ms at least and ${queueing[steps >> 1]!.toFixed(2)} ms in the median, ` +
    `of which submits ${perStep(spent.submit)}, writes ${perStep(spent.writeBuffer)}; the process computes ${perStep((user + system) / 1000)}`,
);
process.exit(0);
