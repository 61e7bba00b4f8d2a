// Rows that fill half of a batch's places, trained padded and packed: real tokens a second of each, and their ratio.
//   gpuPacking MODEL.json [lora|full] [mixed|float32] [SEQUENCE] [ROWS]
import { readFile } from "node:fs/promises";
import { createBackend } from "@sft/kernels-webgpu/node";
import { packExamples, padBatch, type ShiftedRow, type TokenBatch } from "@sft/mask";
import { frozenWeightsFor, LanguageModel, randomFrom, type TrainingMethod } from "@sft/model";
import { defaultSettings, OptimiserStep } from "@sft/trainer";

const [file, method = "lora", precision = "mixed", sequence = "1024", count = "192"] = process.argv.slice(2);
const length = Number(sequence);
/** Rows of a micro batch, padded or packed. */
const microBatch = 8;
const backend = await createBackend({ precision: precision as "mixed" });
const config = JSON.parse(await readFile(file!, "utf8")) as Record<string, unknown>;
const frozenWeights = method === "lora" ? frozenWeightsFor(backend.capabilities) : "float32";
const model = await LanguageModel.load({ backend, config, positions: length, frozenWeights });
if (method === "lora") await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
const { vocabSize } = model.config;

// One length from each of equal parts of 1/32 to 31/32 of a batch's, so that half is filled; a third of each row is a prompt, and not
// supervised.
const random = randomFrom(7);
const rows = Array.from({ length: Number(count) }, (_, index): ShiftedRow => {
  const size = Math.round(length * (1 / 32 + (15 / 16) * ((index + random()) / Number(count))));
  const ids = Int32Array.from({ length: size + 1 }, () => Math.floor(random() * vocabSize));
  const weights = Float32Array.from({ length: size }, (_, index) => (index < size / 3 ? 0 : 1));
  return { inputIds: ids.slice(0, size), targets: ids.slice(1), weights };
});
const tokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);

/** One micro batch after the other of a batch's rows. */
function parts(batch: TokenBatch): TokenBatch[] {
  return Array.from({ length: Math.ceil(batch.rows / microBatch) }, (_, index) => {
    const [from, to] = [index * microBatch, Math.min(batch.rows, (index + 1) * microBatch)];
    const cut = <T extends Int32Array | Float32Array>(values: T): T => values.slice(from * batch.length, to * batch.length) as T;
    const weights = cut(batch.weights);
    return {
      ...batch,
      rows: to - from,
      inputIds: cut(batch.inputIds),
      positions: cut(batch.positions),
      segments: cut(batch.segments),
      targets: cut(batch.targets),
      weights,
      supervisedTokens: weights.reduce((sum, weight) => sum + (weight === 0 ? 0 : 1), 0),
      weightSum: weights.reduce((sum, weight) => sum + weight, 0),
    };
  });
}

const forms = {
  padded: parts(padBatch(rows, { length })),
  packed: parts(packExamples(rows, { length })),
};

/** Milliseconds of one step over all rows, the median of three after one that compiles, and what it reported first. */
async function measure(batches: readonly TokenBatch[]): Promise<{ readonly milliseconds: number; readonly loss: number }> {
  // Without a learning rate every step, of either form, sees the same weights.
  const step = await OptimiserStep.create(model, {
    ...defaultSettings,
    method: method as TrainingMethod,
    learningRate: 0,
    maxSteps: 100,
  });
  const times: number[] = [];
  let first = NaN;
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    const { loss } = await (await step.run(batches, round)).metrics;
    if (round === 0) first = loss;
    if (round >= 1) times.push(performance.now() - start);
  }
  step.dispose();
  return { milliseconds: times.sort((a, b) => a - b)[1]!, loss: first };
}

const speeds = [];
for (const [form, batches] of Object.entries(forms)) {
  const places = batches.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const { milliseconds, loss } = await measure(batches);
  speeds.push((1000 * tokens) / milliseconds);
  console.log(
    `${file!.split("/").pop()} ${method} ${precision} ${form}: ${batches.length} micro batches of ${microBatch} x ${length}, ${((100 * tokens) / places).toFixed(1)} % filled, ${milliseconds.toFixed(1)} ms a step, ${speeds.at(-1)!.toFixed(0)} real tokens/s, loss ${loss.toFixed(6)}`,
  );
}
console.log(`packed / padded: ${(speeds[1]! / speeds[0]!).toFixed(2)}`);
process.exit(0);
