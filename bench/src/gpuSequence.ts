// How the cost of LoRA steps grows with the length of sequences and with the size of the model, on this machine's GPU.
//   gpuSequence [LENGTHS, comma separated] MODEL.json[:LAYERS] ...
// Each model runs one row of each length; then all models run four rows of 1024. Exponents are least squares on logarithms.
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
const STEPS = 4;

async function measure(config: Record<string, unknown>, rows: number, length: number): Promise<Cost> {
  const backend = await createBackend({ precision: "mixed" });
  const meter = meterMemory(backend);
  const model = await LanguageModel.load({ backend, config, positions: length, frozenWeights: frozenWeightsFor(backend.capabilities) });
  const parameters = model.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
  const optimiser = await OptimiserStep.create(model, { ...defaultSettings, method: "lora", maxSteps: 100 });
  const count = rows * length;
  const tokens = maskedTokens(rows, length, model.config.vocabSize);
  const heldBefore = meter.held;
  let step = 0;
  await warmUp(async () => void (await (await optimiser.run([tokens], step++)).metrics));
  const start = performance.now();
  const pending = [];
  for (let i = 0; i < STEPS; i++) pending.push((await optimiser.run([tokens], step++)).metrics);
  await Promise.all(pending);
  const milliseconds = (performance.now() - start) / STEPS;
  await backend.dispose();
  return { parameters, tokens: count, milliseconds, heldBytes: heldBefore, stepBytes: meter.held - heldBefore + meter.workspace };
}

function print(name: string, { tokens, milliseconds, heldBytes, stepBytes }: Cost): void {
  console.log(
    `| ${name} | ${milliseconds.toFixed(1)} | ${((1000 * tokens) / milliseconds).toFixed(0)} | ${(heldBytes / MIB).toFixed(0)} | ${(stepBytes / MIB).toFixed(0)} | ${(stepBytes / tokens / 1024).toFixed(0)} |`,
  );
}

const [lengths, ...files] = process.argv.slice(2);
const models: (readonly [name: string, config: Record<string, unknown>])[] = [];
for (const word of files) {
  const [file, layers] = word.split(":");
  const config = JSON.parse(await readFile(file!, "utf8")) as Record<string, unknown>;
  const name = file!
    .split("/")
    .pop()!
    .replace(/\.json$/, "");
  models.push(layers ? [`${name}, ${layers} layers`, { ...config, num_hidden_layers: Number(layers) }] : [name, config]);
}
console.log("| model, rows x length | ms a step | tokens/s | MiB held | MiB of a step | KiB a token |\n|---|---|---|---|---|---|");
const bySize: Cost[] = [];
for (const [name, config] of models) {
  const costs: Cost[] = [];
  for (const length of lengths!.split(",").map(Number)) {
    const cost = await measure(config, 1, length);
    costs.push(cost);
    print(`${name}, 1 x ${length}`, cost);
  }
  console.log(
    `${name}: time grows with tokens^${exponent(costs.map(({ tokens, milliseconds }) => [tokens, milliseconds]))} (from the second length on ^${exponent(costs.slice(1).map(({ tokens, milliseconds }) => [tokens, milliseconds]))}), bytes of a step with tokens^${exponent(costs.map(({ tokens, stepBytes }) => [tokens, stepBytes]))}`,
  );
}
for (const [name, config] of models) {
  const cost = await measure(config, 4, 1024);
  bySize.push(cost);
  print(`${name} (${(cost.parameters / 1e6).toFixed(0)} M), 4 x 1024`, cost);
}
console.log(
  `at 4 x 1024: time grows with parameters^${exponent(bySize.map(({ parameters, milliseconds }) => [parameters, milliseconds]))}, bytes held with parameters^${exponent(bySize.map(({ parameters, heldBytes }) => [parameters, heldBytes]))}, bytes of a step with parameters^${exponent(bySize.map(({ parameters, stepBytes }) => [parameters, stepBytes]))}`,
);
process.exit(0);
