// How the cost of LoRA steps grows with the length of sequences and with the size of the model, on this machine's GPU.
//   gpuSequence [LENGTHS, comma separated] MODEL.json[:LAYERS] ... [-- MODEL.json ...]
// Each model before `--` runs one row of each length; then all models that have all of their layers run four rows of 1024. Exponents are
// least squares on logarithms.
import { readFile } from "node:fs/promises";
import { createBackend } from "@sft/kernels-webgpu/node";
import { frozenWeightsFor, LanguageModel } from "@sft/model";
import { defaultSettings, OptimiserStep } from "@sft/trainer";
import { exponent } from "./powerLaw.ts";
import { maskedTokens } from "./maskedTokens.ts";
import { meterMemory } from "./meterMemory.ts";
import { warmUp } from "./warmUp.ts";

interface Cost {
  readonly parameters: number;
  readonly tokens: number;
  readonly milliseconds: number;
  /** Weights, adapters and optimiser state; and what grows with tokens: activations and inputs. */
  readonly heldBytes: number;
  readonly stepBytes: number;
}

const MIB = 2 ** 20;
const STEPS = 2;
const ROUNDS = 3;
/** Rows and length of all models in the table over sizes. */
const SIZE_ROWS = 4;
const SIZE_LENGTH = 1024;

/** A model with adapters on this machine's GPU, and the measurement of its steps at one batch shape after the other. */
async function loaded(config: Record<string, unknown>, positions: number) {
  const backend = await createBackend({ precision: "mixed" });
  const meter = meterMemory(backend);
  const model = await LanguageModel.load({ backend, config, positions, frozenWeights: frozenWeightsFor(backend.capabilities) });
  const parameters = model.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
  const optimiser = await OptimiserStep.create(model, { ...defaultSettings, method: "lora", maxSteps: 1_000_000 });
  const heldBytes = meter.held;
  let step = 0;
  const measure = async (rows: number, length: number): Promise<Cost> => {
    const tokens = maskedTokens(rows, length, model.config.vocabSize);
    const heldBefore = meter.held;
    meter.workspace = 0;
    await warmUp(async () => void (await (await optimiser.run([tokens], step++)).metrics));
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      const pending = [];
      for (let i = 0; i < STEPS; i++) pending.push((await optimiser.run([tokens], step++)).metrics);
      await Promise.all(pending);
      times.push((performance.now() - start) / STEPS);
    }
    const milliseconds = times.toSorted((a, b) => a - b)[ROUNDS >> 1]!;
    return { parameters, tokens: rows * length, milliseconds, heldBytes, stepBytes: meter.held - heldBefore + meter.workspace };
  };
  return { measure, dispose: () => backend.dispose() };
}

function print(name: string, { tokens, milliseconds, heldBytes, stepBytes }: Cost): void {
  console.log(
    `| ${name} | ${milliseconds.toFixed(1)} | ${((1000 * tokens) / milliseconds).toFixed(0)} | ${(heldBytes / MIB).toFixed(0)} | ${(stepBytes / MIB).toFixed(0)} | ${(stepBytes / tokens / 1024).toFixed(0)} |`,
  );
}

const [lengths, ...words] = process.argv.slice(2);
const divider = words.includes("--") ? words.indexOf("--") : words.length;
const bySize: (readonly [name: string, cost: Cost])[] = [];
console.log("| model, rows x length | ms a step | tokens/s | MiB held | MiB of a step | KiB a token |\n|---|---|---|---|---|---|");
for (const [place, word] of words.entries()) {
  if (place === divider) continue;
  const [file, layers] = word.split(":");
  const config = JSON.parse(await readFile(file!, "utf8")) as Record<string, unknown>;
  const model = file!
    .split("/")
    .pop()!
    .replace(/\.json$/, "");
  const own = place < divider ? lengths!.split(",").map(Number) : [];
  const { measure, dispose } = await loaded(
    layers ? { ...config, num_hidden_layers: Number(layers) } : config,
    Math.max(SIZE_LENGTH, ...own),
  );
  if (!layers) bySize.push([model, await measure(SIZE_ROWS, SIZE_LENGTH)]);
  const name = layers ? `${model}, ${layers} layers` : model;
  const costs: Cost[] = [];
  for (const length of own) {
    const cost = await measure(1, length);
    costs.push(cost);
    print(`${name}, 1 x ${length}`, cost);
  }
  await dispose();
  const times = costs.map(({ tokens, milliseconds }) => [tokens, milliseconds] as const);
  const bytes = costs.map(({ tokens, stepBytes }) => [tokens, stepBytes] as const);
  if (costs.length > 2)
    console.log(
      `${name}: time grows with tokens^${exponent(times)} (from the second length on ^${exponent(times.slice(1))}), bytes of a step with tokens^${exponent(bytes)}`,
    );
}
for (const [name, cost] of bySize) print(`${name} (${(cost.parameters / 1e6).toFixed(0)} M), ${SIZE_ROWS} x ${SIZE_LENGTH}`, cost);
const by = (value: (cost: Cost) => number): string => exponent(bySize.map(([, cost]) => [cost.parameters, value(cost)]));
console.log(
  `at ${SIZE_ROWS} x ${SIZE_LENGTH}: time grows with parameters^${by(({ milliseconds }) => milliseconds)}, bytes held with parameters^${by(({ heldBytes }) => heldBytes)}, bytes of a step with parameters^${by(({ stepBytes }) => stepBytes)}`,
);
process.exit(0);
