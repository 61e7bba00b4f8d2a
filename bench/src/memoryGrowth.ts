// How the memory of a LoRA step in mixed precision grows with the length of sequences and with the size of the model: what the
// backend plans to allocate on a large GPU, counted without one.
//   memoryGrowth [LENGTHS, comma separated] MODEL.json[:recompute] ...
import { readFile } from "node:fs/promises";
import { createPlanningBackend, opTable, type Program } from "@sft/kernels";
import { listDispatches } from "@sft/kernels-webgpu";
import { frozenWeightsFor, LanguageModel } from "@sft/model";
import { defaultSettings, microBatchProgram, OptimiserStep, paddedSupervised } from "@sft/trainer";
import { exponent } from "./powerLaw.ts";

const MIB = 2 ** 20;
/** An H100's limits. */
const limits = {
  maxBindingBytes: 2 ** 31 - 256,
  maxWorkgroupsPerDimension: 65535,
  maxInvocationsPerWorkgroup: 1024,
  workgroupStorageBytes: 49152,
  matrixUnits: true,
};

interface Memory {
  readonly parameters: number;
  /** Weights, adapters, gradients and optimiser state. */
  readonly held: number;
  /** Activations and scratch of the larger program. */
  readonly step: number;
}

async function plan(config: Record<string, unknown>, rows: number, length: number, recompute: boolean): Promise<Memory> {
  const backend = createPlanningBackend({ partAlignment: 128, halfWeights: true, productRoundoff: 2 ** -11 });
  const frozenWeights = frozenWeightsFor(backend.capabilities);
  const model = await LanguageModel.load({ backend, config, positions: length, frozenWeights, empty: true });
  await model.attachLora({ r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" });
  const settings = { ...defaultSettings, method: "lora" as const, gradientCheckpointing: recompute, maxSteps: 1 };
  const programs: Program[] = [];
  const { compile } = backend;
  backend.compile = async (program, bindings) => {
    programs.push(program);
    return compile(program, bindings);
  };
  const optimiser = await OptimiserStep.create(model, settings);
  const pass = microBatchProgram(model, settings, {
    batch: rows,
    length,
    supervised: paddedSupervised(Math.round((rows * length * 2) / 3)),
  });
  model.bind(pass, optimiser.state);
  const workspaces = [pass, programs.at(-1)!].map((program) => listDispatches(program, opTable, limits).plan.activationBytes);
  return {
    parameters: model.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    held: backend.allocatedBytes,
    step: Math.max(...workspaces),
  };
}

const [lengths, ...words] = process.argv.slice(2);
console.log("| model, rows x length | MiB held | MiB of a step | KiB a token |\n|---|---|---|---|");
const print = (name: string, tokens: number, { held, step }: Memory): void =>
  console.log(`| ${name} | ${(held / MIB).toFixed(0)} | ${(step / MIB).toFixed(0)} | ${(step / tokens / 1024).toFixed(0)} |`);
const models = await Promise.all(
  words.map(async (word) => {
    const [file, option] = word.split(":");
    const name = file!.replace(/^.*\/|\.json$/g, "");
    const recompute = option === "recompute";
    return {
      name: recompute ? `${name}, recomputing` : name,
      config: JSON.parse(await readFile(file!, "utf8")) as Record<string, unknown>,
      recompute,
    };
  }),
);
const fits: string[] = [];
for (const { name, config, recompute } of models) {
  const points: [number, number][] = [];
  for (const length of lengths!.split(",").map(Number)) {
    const memory = await plan(config, 1, length, recompute);
    points.push([length, memory.step]);
    print(`${name}, 1 x ${length}`, length, memory);
  }
  fits.push(`${name}: bytes of a step grow with tokens^${exponent(points)}`);
}
const sized: Memory[] = [];
for (const { name, config, recompute } of models) {
  const memory = await plan(config, 4, 1024, recompute);
  if (!recompute) sized.push(memory);
  print(`${name} (${(memory.parameters / 1e6).toFixed(0)} M), 4 x 1024`, 4096, memory);
}
const bySize = (of: (memory: Memory) => number): string => exponent(sized.map((memory) => [memory.parameters, of(memory)]));
fits.push(
  `at 4 x 1024, without recomputing: bytes held grow with parameters^${bySize(({ held }) => held)}, bytes of a step with parameters^${bySize(({ step }) => step)}`,
);
console.log(fits.join("\n"));
