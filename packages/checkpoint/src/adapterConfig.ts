import { CheckpointError } from "./checkpointError.ts";

/** The fields of `adapter_config.json` that shape a LoRA adapter, under PEFT's own names. */
export interface LoraFields {
  /** Rank. */
  readonly r: number;
  /** The adapter's output is scaled by `lora_alpha / r`, or by `lora_alpha / sqrt(r)` with `use_rslora`. */
  readonly lora_alpha: number;
  /** Module names (a path or the end of one), a regular expression over whole paths, or "all-linear". */
  readonly target_modules: readonly string[] | string | null;
  /** Hub name or path of the base model. */
  readonly base_model_name_or_path: string | null;
  readonly lora_dropout: number;
  readonly use_rslora: boolean;
  readonly use_dora: boolean;
  /** True when weights are stored [in, out], as GPT-2's Conv1D does. */
  readonly fan_in_fan_out: boolean;
  readonly bias: "none" | "all" | "lora_only";
  /** Rank, and alpha, of modules whose path ends in (or matches) a key. */
  readonly rank_pattern: Readonly<Record<string, number>>;
  readonly alpha_pattern: Readonly<Record<string, number>>;
  /** Modules trained and saved in full beside the adapter. */
  readonly modules_to_save: readonly string[] | null;
  readonly exclude_modules: readonly string[] | string | null;
  readonly layers_to_transform: readonly number[] | number | null;
  readonly layers_pattern: readonly string[] | string | null;
  readonly init_lora_weights: boolean | string;
  readonly inference_mode: boolean;
  readonly task_type: string | null;
  readonly revision: string | null;
  readonly lora_bias: boolean;
}

/** `adapter_config.json`: the fields above, PEFT's others, and whatever newer fields a file brought. */
export type AdapterConfig = LoraFields & { readonly peft_type: "LORA" } & Readonly<Record<string, unknown>>;

/** What a new adapter must say; everything else has PEFT's default. */
export type AdapterConfigInput = Pick<LoraFields, "r" | "lora_alpha" | "target_modules"> & Readonly<Record<string, unknown>>;

/** The defaults of PEFT 0.21's LoraConfig, as it saves them. */
const defaults = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  auto_mapping: null,
  base_model_name_or_path: null,
  bias: "none",
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_bias: false,
  lora_dropout: 0,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: "megatron.core",
  modules_to_save: null,
  monteclora_config: null,
  peft_type: "LORA",
  peft_version: "0.21.0",
  qalora_group_size: 16,
  rank_pattern: {},
  revision: null,
  target_parameters: null,
  task_type: "CAUSAL_LM",
  trainable_token_indices: null,
  use_bdlora: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
  velora_config: null,
} as const;

/** Adds PEFT's defaults for every field that is not given; fields come in PEFT's (alphabetical) order. */
export function completeAdapterConfig(given: AdapterConfigInput): AdapterConfig {
  const all: Record<string, unknown> = { ...defaults, ...given };
  const sorted = Object.keys(all).sort();
  return Object.fromEntries(sorted.map((name) => [name, all[name]])) as unknown as AdapterConfig;
}

type Check = readonly [expected: string, holds: (value: unknown) => boolean];

const isString = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isRank = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isList = (value: unknown, item: (value: unknown) => boolean): boolean => Array.isArray(value) && value.every(item);
const isTable = (value: unknown, item: (value: unknown) => boolean): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(item);
const nullOr =
  (holds: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || holds(value);
const namesOrPattern = nullOr((value) => isString(value) || isList(value, isString));
const boolean: Check = ["true or false", (value) => typeof value === "boolean"];

const checks: Readonly<Record<string, Check>> = {
  peft_type: ['"LORA"', (value) => value === "LORA"],
  r: ["a whole number from 1", isRank],
  lora_alpha: ["a number", isNumber],
  lora_dropout: ["a number from 0, below 1", (value) => isNumber(value) && value >= 0 && value < 1],
  target_modules: ["a list of names, a pattern or null", namesOrPattern],
  exclude_modules: ["a list of names, a pattern or null", namesOrPattern],
  modules_to_save: ["a list of names or null", nullOr((value) => isList(value, isString))],
  base_model_name_or_path: ["a string or null", nullOr(isString)],
  bias: ['"none", "all" or "lora_only"', (value) => ["none", "all", "lora_only"].includes(value as string)],
  rank_pattern: ["an object of whole numbers from 1", (value) => isTable(value, isRank)],
  alpha_pattern: ["an object of numbers", (value) => isTable(value, isNumber)],
  use_rslora: boolean,
  use_dora: boolean,
  fan_in_fan_out: boolean,
  lora_bias: boolean,
};

/**
 * Checks an `adapter_config.json` and completes it with PEFT's defaults; older PEFT versions saved fewer fields.
 * Throws `CheckpointError` "bad-adapter-config" that names the field.
 */
export function parseAdapterConfig(given: Readonly<Record<string, unknown>>, path: string): AdapterConfig {
  for (const [field, [expected, holds]] of Object.entries(checks)) {
    const mustBeThere = field === "peft_type" || field === "r" || field === "lora_alpha";
    if (!mustBeThere && !(field in given)) continue;
    // PEFT writes null for tables that hold nothing when they were given as None.
    if ((field === "rank_pattern" || field === "alpha_pattern") && given[field] === null) continue;
    if (holds(given[field])) continue;
    const found = JSON.stringify(given[field]) ?? "nothing";
    const message = `${path}: expected ${field} to be ${expected}, found ${found}`;
    const hint = field === "peft_type" ? "Only LoRA adapters are read." : "Mend the field, or save the adapter again.";
    throw new CheckpointError("bad-adapter-config", path, message, hint);
  }
  const tables = { rank_pattern: given["rank_pattern"] ?? {}, alpha_pattern: given["alpha_pattern"] ?? {} };
  return completeAdapterConfig({ target_modules: null, ...given, ...tables } as unknown as AdapterConfigInput);
}
