/** What another tool's key means here. */
interface Alias {
  readonly key: string;
  /** The value in our terms, the same when absent; undefined where that is the default, `nothing` where no value of ours says it. */
  readonly value?: (value: unknown) => unknown;
}

const nothing = Symbol("no value of ours");

/** A switch in our terms. What is no switch ("yes" is a text in YAML 1.2) stays as it is, for the schema to refuse. */
const switched =
  (on: unknown, off: unknown) =>
  (value: unknown): unknown =>
    value === true ? on : value === false ? off : value;

/** transformers' names of the optimisers that go by a shorter one here. */
const optimisers: Readonly<Record<string, string>> = {
  adamw_torch: "adamw",
  adamw_torch_fused: "adamw",
  adamw_hf: "adamw",
  adamw_bnb_8bit: "adamw_8bit",
  lion_32bit: "lion",
};
const optimiserNamed = (value: unknown): unknown => optimisers[String(value)] ?? value;

/** Names of LitGPT, TRL, transformers and Axolotl for keys of a recipe. A new alias is one row. */
const aliases: Readonly<Record<string, Alias>> = {
  // transformers and TRL
  model_name_or_path: { key: "base_model" },
  tokenizer_name_or_path: { key: "tokenizer" },
  train_file: { key: "datasets" },
  eval_dataset: { key: "test_datasets" },
  max_seq_length: { key: "sequence_len" },
  max_length: { key: "sequence_len" },
  packing: { key: "sample_packing" },
  per_device_train_batch_size: { key: "micro_batch_size" },
  num_train_epochs: { key: "num_epochs" },
  lr_scheduler_type: { key: "lr_scheduler" },
  rank_pattern: { key: "lora_rank_pattern" },
  alpha_pattern: { key: "lora_alpha_pattern" },
  modules_to_save: { key: "lora_modules_to_save" },
  optim: { key: "optimizer", value: optimiserNamed },
  label_smoothing_factor: { key: "label_smoothing" },
  adam_beta_1: { key: "adam_beta1" },
  adam_beta_2: { key: "adam_beta2" },
  lora_target_linear: { key: "lora_target_modules", value: switched("all-linear", nothing) },
  assistant_only_loss: { key: "train_on", value: switched("assistant", nothing) },
  completion_only_loss: { key: "train_on", value: switched("completion", "all") },
  // Axolotl
  train_on_inputs: { key: "train_on", value: switched("all", undefined) },
  peft_use_rslora: { key: "use_rslora" },
  peft_use_dora: { key: "use_dora" },
  warmup: { key: "warmup_steps" },
  // LitGPT
  checkpoint_dir: { key: "base_model" },
  out_dir: { key: "output_dir" },
  prompt_style: { key: "chat_template" },
  mask_prompt: { key: "train_on", value: switched(undefined, "all") },
  val_split_fraction: { key: "val_set_size" },
  epochs: { key: "num_epochs" },
  lr: { key: "learning_rate" },
  lr_warmup_steps: { key: "warmup_steps" },
  max_norm: { key: "max_grad_norm" },
  log_interval: { key: "logging_steps" },
  save_interval: { key: "save_steps" },
  resume: { key: "resume_from_checkpoint", value: switched("auto", undefined) },
};

export interface Translated {
  readonly values: Readonly<Record<string, unknown>>;
  /** One line for each key that was translated. */
  readonly notices: readonly string[];
  /** Our key -> the key that was written, where they differ. */
  readonly written: ReadonlyMap<string, string>;
}

/** Replaces other tools' keys by ours. A key that is there under our own name wins, else the first of several. */
export function translateAliases(given: Readonly<Record<string, unknown>>): Translated {
  const values: Record<string, unknown> = {};
  const notices: string[] = [];
  const written = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
    if (!alias) {
      values[name] = value;
      continue;
    }
    const translated = alias.value ? alias.value(value) : value;
    if (translated === undefined) notices.push(`${name}: ${String(value)} is the default here`);
    else if (translated === nothing) notices.push(`${name}: ${String(value)} changes nothing here`);
    if (translated === undefined || translated === nothing) continue;
    const rival = alias.key in given ? alias.key : written.get(alias.key);
    if (rival !== undefined) {
      notices.push(`${name} is left out: ${rival} is given, and both mean ${alias.key}`);
      continue;
    }
    notices.push(`${name} is read as ${alias.key}${alias.value ? `: ${String(translated)}` : ""}`);
    values[alias.key] = translated;
    written.set(alias.key, name);
  }
  return { values, notices, written };
}

/** Our key for another tool's; where that is a switch, also the value that it stands for when turned on, null for the default. */
export function meaningOf(name: string): { readonly key: string; readonly whenOn?: string | null } | undefined {
  const alias = Object.hasOwn(aliases, name) ? aliases[name]! : undefined;
  if (alias?.value === undefined || alias.value === optimiserNamed) return alias && { key: alias.key };
  return { key: alias.key, whenOn: (alias.value(true) as string | undefined) ?? null };
}

/** Every key that is accepted besides our own. */
export const aliasNames: readonly string[] = Object.keys(aliases);
