import type { ArgsDef, CommandDef } from "citty";

/** What a file in commands/ exports. */
export interface CommandModule {
  readonly default: CommandDef<ArgsDef>;
  /** Lines shown under "Examples" by --help. */
  readonly examples?: readonly string[];
}

export interface Verb {
  readonly summary: string;
  /** Loads the verb's code only when it is called, so that every verb starts fast. */
  readonly load: () => Promise<CommandModule>;
  /** True when any number of positional arguments is taken. */
  readonly variadic?: boolean;
}

/** Every verb of `sft`. A new one is one file in commands/ and one row here. */
export const commandTable: Readonly<Record<string, Verb>> = {
  init: { summary: "write a recipe to begin with, set up for your rows and your model", load: () => import("./commands/init.ts") },
  train: { summary: "fine-tune a model as a recipe says", load: () => import("./commands/train.ts") },
  eval: { summary: "measure the loss of a model on rows", load: () => import("./commands/eval.ts") },
  generate: { summary: "answer prompts with a model or a trained adapter", load: () => import("./commands/generate.ts") },
  plan: { summary: "say how much memory a recipe takes, before anything is allocated", load: () => import("./commands/plan.ts") },
  chat: { summary: "talk with a model in the terminal", load: () => import("./commands/chat.ts") },
  preview: { summary: "show which tokens of the rows are trained, and why", load: () => import("./commands/preview.ts") },
  tokenize: { summary: "turn JSON strings on standard input into token ids", load: () => import("./commands/tokenize.ts") },
  doctor: { summary: "check this machine, and data for faults that spoil training", load: () => import("./commands/doctor.ts") },
  verify: { summary: "compare this implementation with golden folders", load: () => import("./commands/verify.ts"), variadic: true },
  bench: { summary: "measure training steps or matrix products", load: () => import("./commands/bench.ts") },
  merge: { summary: "merge an adapter into its base model", load: () => import("./commands/merge.ts") },
  export: { summary: "write a model for other programs: Hugging Face or GGUF", load: () => import("./commands/export.ts") },
  download: { summary: "fetch a model from the Hugging Face hub", load: () => import("./commands/download.ts") },
  report: {
    summary: "tell what came of runs, side by side, from their folders",
    load: () => import("./commands/report.ts"),
    variadic: true,
  },
  dashboard: { summary: "follow runs live on a local page", load: () => import("./commands/dashboard.ts") },
  schema: { summary: "print the JSON Schema of a recipe", load: () => import("./commands/schema.ts") },
};
