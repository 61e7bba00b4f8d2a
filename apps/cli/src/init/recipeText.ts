import { Document } from "yaml";
import { runConfigSchema, type RunConfig } from "../runConfig/schema.ts";
import type { Method, Proposal } from "./proposeSettings.ts";

interface Section {
  readonly title: string;
  readonly keys: readonly (keyof RunConfig)[];
  readonly only?: (method: Method) => boolean;
}

/** The keys that people change, in the order in which they are met; `sft schema` has the others. */
const sections: readonly Section[] = [
  {
    title: "model and rows",
    keys: ["base_model", "datasets", "val_set_size", "chat_template", "train_on", "sequence_len", "truncation", "sample_packing"],
  },
  { title: "what is trained", keys: ["adapter"] },
  {
    title: "the adapter",
    keys: ["load_in_4bit", "lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "use_rslora", "use_dora"],
    only: (method) => method !== "full",
  },
  { title: "all weights", keys: ["freeze_trainable_layers", "offload_optimizer"], only: (method) => method === "full" },
  {
    title: "steps",
    keys: [
      "learning_rate",
      "lr_scheduler",
      "warmup_ratio",
      "weight_decay",
      "optimizer",
      "num_epochs",
      "max_steps",
      "micro_batch_size",
      "gradient_accumulation_steps",
    ],
  },
  { title: "memory and speed", keys: ["gradient_checkpointing", "precision", "backend"] },
  { title: "what is written", keys: ["output_dir", "eval_steps", "save_steps", "save_total_limit", "sample_prompts", "seed"] },
];

/** What a key without a default may look like. */
const examples: Partial<RunConfig> = {
  chat_template: "chatml",
  train_on: "assistant",
  sequence_len: 512,
  truncation: "right",
  warmup_ratio: 0.03,
  num_epochs: 1,
  max_steps: 100,
  freeze_trainable_layers: 4,
  precision: "mixed",
  save_total_limit: 2,
};

const places = { base_model: "./model", datasets: "./rows.jsonl" };
const defaults: Partial<RunConfig> = runConfigSchema.parse(places);

/** Width of a key with its value; what the key means stands behind it. */
const valueWidth = 34;

/** A recipe in YAML. Each line says what its key means in the schema's words; keys at their defaults stand behind a "#". */
export function recipeText(method: Method, { values, remarks }: Proposal): string {
  const head = [
    "# A recipe of sft: sft train FILE. What it reads is looked for beside this file; output_dir, from where sft is called.",
    '# A key behind "#" is not set: it shows its default, or an example where there is none. sft schema prints all keys.',
  ];
  const parts = sections
    .filter(({ only }) => only?.(method) ?? true)
    .map(({ title, keys }) => [`# --- ${title} ---`, ...keys.flatMap((key) => linesOf(key, values[key], remarks[key]))]);
  return `${[head, ...parts].map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function linesOf(key: keyof RunConfig, value: unknown, remark: string | undefined): string[] {
  const usual = key in places ? undefined : defaults[key];
  const pair = value === undefined ? `# ${inYaml(key, usual ?? examples[key])}` : inYaml(key, value);
  const said = value === undefined || usual === undefined ? "" : ` (default ${String(usual)})`;
  const line = `${pair.padEnd(valueWidth)} # ${runConfigSchema.shape[key].description ?? ""}${said}`;
  return remark === undefined ? [line] : [`# ${remark}:`, line];
}

/** One line of YAML, lists and mappings in brackets. */
function inYaml(key: string, value: unknown): string {
  const document = new Document({});
  document.set(key, document.createNode(value, { flow: true }));
  return document.toString({ lineWidth: 0 }).trimEnd();
}
