import { openModelFolder } from "@sft/checkpoint";
import { scratchBytesOf } from "@sft/kernels-cpu";
import { findFamily } from "@sft/model";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { usableThreads } from "../backend/usableThreads.ts";
import { CliError } from "../failure/cliError.ts";
import { booleanOf, numberOf } from "../flagValues.ts";
import { byteSizeOf } from "../merge/byteSize.ts";
import { gpuMemory } from "../plan/gpuMemory.ts";
import { planTraining, type MemoryBudget } from "../plan/planTraining.ts";
import { loraOf } from "../run/loraOf.ts";
import { givenRecipeFlags, recipeFlags } from "../runConfig/recipeFlags.ts";
import { resolveRunConfig } from "../runConfig/resolveRunConfig.ts";
import type { RunConfig } from "../runConfig/schema.ts";
import { toTrainingSettings } from "../runConfig/toTrainingSettings.ts";

export const examples: readonly string[] = [
  "sft plan recipe.yaml",
  "sft plan recipe.yaml --micro-batch-size 4 --sequence-len 2048 --gradient-checkpointing --budget 24GB",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "plan",
    description: "Say how much memory a recipe will take, before anything is allocated. Exit code 1 when it does not fit the budget.",
  },
  args: {
    recipe: { type: "positional", required: false, description: "YAML file" },
    budget: { type: "string", description: "memory that is there, such as 24GB; the plan says whether it fits" },
    "supervised-share": {
      type: "string",
      default: "1",
      description: "share of the tokens that is trained, between 0 and 1; the work of the output head and the last layer depends on it",
    },
    json: { type: "boolean", description: "print one JSON object" },
    ...recipeFlags(),
  } as ArgsDef,
  async run({ args }) {
    const { config } = await resolveRunConfig(args.recipe as string | undefined, givenRecipeFlags(args), process.cwd());
    await using folder = await openModelFolder(config.base_model);
    const length = config.sequence_len ?? findFamily(folder.config).readConfig(folder.config).maxPositions;
    const threads = config.backend === "cpu" ? await usableThreads(config.threads) : undefined;
    const budget = await planTraining({
      config: folder.config,
      lora: loraOf(config),
      frozenWeights: config.frozen_weights === "auto" ? undefined : config.frozen_weights,
      quantise: config.load_in_4bit ? "nf4" : undefined,
      settings: toTrainingSettings({ ...config, max_steps: config.max_steps ?? 1 }, 1),
      rows: config.micro_batch_size,
      length,
      supervisedShare: numberOf(args, "supervised-share")!,
      ...(threads === undefined
        ? gpuMemory(config.precision === "mixed")
        : { scratchOf: (program) => scratchBytesOf(program, threads), capabilities: { halfWeights: true } }),
    });
    const limit = byteSizeOf(args, "budget");
    const fits = limit === undefined ? undefined : budget.peak <= limit;
    process.stdout.write(
      booleanOf(args, "json")
        ? `${JSON.stringify({ ...budget, ...(limit === undefined ? {} : { budget: limit, fits }) })}\n`
        : describe(budget, config.micro_batch_size, length),
    );
    if (fits === false) {
      throw new CliError(
        "does-not-fit",
        `The plan needs ${gigabytes(budget.peak)}, the budget is ${gigabytes(limit!)}.`,
        adviceFor(config),
      );
    }
  },
});

export default command;

/** What is left to try of that which saves memory, the cheapest first. */
function adviceFor(config: RunConfig): string {
  const steps = [
    ...(config.gradient_checkpointing ? [] : ["gradient_checkpointing: true"]),
    ...(config.micro_batch_size > 1 ? ["a lower micro_batch_size"] : []),
    "a lower sequence_len",
    ...(config.adapter === "none" && config.offload_optimizer === "none" ? ["offload_optimizer: cpu"] : []),
    ...(config.adapter === "none" ? ["adapter: lora"] : config.load_in_4bit ? [] : ["load_in_4bit: true"]),
  ];
  return steps.length === 1 ? `Try ${steps[0]}.` : `Try ${steps.slice(0, -1).join(", ")} or ${steps.at(-1)}.`;
}

function describe({ peak, host, ...parts }: MemoryBudget, rows: number, length: number): string {
  const offloaded = host > 0 ? `${"on the host".padEnd(12)} ${gigabytes(host).padStart(11)}   of optimizer state\n` : "";
  const lines = Object.entries(parts).map(([name, bytes]) => `${name.padEnd(12)} ${gigabytes(bytes).padStart(11)}`);
  return `${lines.join("\n")}\n${"peak".padEnd(12)} ${gigabytes(peak).padStart(11)}   for micro batches of ${rows} x ${length} tokens\n${offloaded}`;
}

function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
