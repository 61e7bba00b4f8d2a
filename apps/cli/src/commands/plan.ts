import { openModelFolder } from "@sft/checkpoint";
import { scratchBytesOf } from "@sft/kernels-cpu";
import { listDispatches, defaultLimits } from "@sft/kernels-webgpu";
import { opTable, type Program } from "@sft/kernels";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { availableParallelism } from "node:os";
import { CliError } from "../failure/cliError.ts";
import { booleanOf, numberOf } from "../flagValues.ts";
import { byteSizeOf } from "../merge/byteSize.ts";
import { planTraining, type MemoryBudget } from "../plan/planTraining.ts";
import { loraOf } from "../run/loraOf.ts";
import { givenRecipeFlags, recipeFlags } from "../runConfig/recipeFlags.ts";
import { resolveRunConfig } from "../runConfig/resolveRunConfig.ts";
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
      description: "share of the tokens that is trained, between 0 and 1; the output head's work depends on it",
    },
    json: { type: "boolean", description: "print one JSON object" },
    ...recipeFlags(),
  } as ArgsDef,
  async run({ args }) {
    const { config } = await resolveRunConfig(args.recipe as string | undefined, givenRecipeFlags(args), process.cwd());
    await using folder = await openModelFolder(config.base_model);
    const length = config.sequence_len ?? Number(folder.config.max_position_embeddings);
    const onCpu = config.backend === "cpu";
    const mixed = config.precision === "mixed" && !onCpu;
    const budget = await planTraining({
      config: folder.config,
      lora: loraOf(config),
      settings: toTrainingSettings({ ...config, max_steps: config.max_steps ?? 1 }, 1),
      rows: config.micro_batch_size,
      length,
      supervisedShare: numberOf(args, "supervised-share")!,
      capabilities: { halfWeights: true, ...(mixed ? { productRoundoff: 2 ** -11 } : {}) },
      scratchOf: onCpu
        ? (program) => scratchBytesOf(program, config.threads ?? availableParallelism())
        : (program) => gpuScratch(program, mixed),
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
        "Lower micro_batch_size or sequence_len, or set gradient_checkpointing: true.",
      );
    }
  },
});

export default command;

/** Activations and what kernels need between their dispatches, on a GPU with WebGPU's own limits, and with matrix units for mixed precision. */
function gpuScratch(program: Program, matrixUnits: boolean): number {
  const { plan, scratchSlots } = listDispatches(program, opTable, { ...defaultLimits, maxBindingBytes: 2 ** 31 - 256, matrixUnits });
  return scratchSlots.reduce((sum, bytes) => sum + bytes, plan.activationBytes);
}

function describe({ peak, ...parts }: MemoryBudget, rows: number, length: number): string {
  const lines = Object.entries(parts).map(([name, bytes]) => `${name.padEnd(12)} ${gigabytes(bytes).padStart(11)}`);
  return `${lines.join("\n")}\n${"peak".padEnd(12)} ${gigabytes(peak).padStart(11)}   for micro batches of ${rows} x ${length} tokens\n`;
}

function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
