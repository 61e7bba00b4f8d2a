import { recordFields } from "@sft/templates";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import type { z } from "zod";
import { usageError } from "../failure/cliError.ts";
import { didYouMean } from "../failure/closeNames.ts";
import { isTemplateFile } from "../rows/chooseTemplate.ts";
import { type Columns, parseColumns } from "../rows/columns.ts";
import { aliasNames, translateAliases } from "./aliases.ts";
import { readConfigText, type ConfigText } from "./configText.ts";
import { datasetKeys } from "./datasets.ts";
import { runConfigKeys, runConfigSchema, type RunConfig } from "./schema.ts";

export interface ResolvedRunConfig {
  readonly config: RunConfig;
  /** What the user should know about how the recipe was read. */
  readonly notices: readonly string[];
}

/**
 * A recipe file (optional) under flags, checked and with absolute paths. What a recipe reads (models, rows, template
 * files) is looked for beside the recipe; what flags name, and output_dir, from the working directory.
 * @throws CliError "bad-config" naming file, line, column and key, or the flag
 */
export async function resolveRunConfig(
  path: string | undefined,
  { columns, ...flags }: Readonly<Record<string, string | boolean>>,
  cwd: string,
): Promise<ResolvedRunConfig> {
  const file = path === undefined ? undefined : await readConfigText(resolve(cwd, path));
  const translated = translateAliases(file?.values ?? {});
  const fromFlags = Object.fromEntries(
    Object.entries(flags).map(([key, value]) => [key, typeof value === "string" ? valueOf(key as keyof RunConfig, value) : value]),
  );
  const merged = { ...withoutRivals(translated.values, fromFlags), ...fromFlags };
  const checked = runConfigSchema.safeParse(merged, { reportInput: true });
  if (!checked.success) {
    const locate = { file, flags: new Set(Object.keys(flags)), written: translated.written };
    const issues = checked.error.issues.flatMap((issue) => explainIssue(issue, locate));
    throw usageError("bad-config", issues.join("\n"), "`sft schema` prints every key, `sft train --help` every flag.");
  }
  const config = typeof columns === "string" ? withColumns(checked.data, parseColumns(columns)) : checked.data;
  checkRivals(config, (key) => placeOf([key], { file, flags: new Set(Object.keys(flags)), written: translated.written }));
  const beside = (key: string): string => (key in fromFlags || path === undefined ? cwd : dirname(resolve(cwd, path)));
  return { config: withAbsolutePaths(config, beside, cwd), notices: translated.notices };
}

/** One mapping for all rows, as the flag gives it. */
function withColumns(config: RunConfig, columns: Columns): RunConfig {
  const named = (sets: RunConfig["datasets"]): RunConfig["datasets"] => sets.map((set) => ({ ...set, columns }));
  return { ...config, datasets: named(config.datasets), ...(config.test_datasets ? { test_datasets: named(config.test_datasets) } : {}) };
}

/** A flag's value: the text itself where the key takes texts (a folder may be called "2024", or "rows #2"), else as YAML reads it. */
function valueOf(key: keyof RunConfig, text: string): unknown {
  return runConfigSchema.shape[key].safeParse(text).success ? text : scalar(text);
}

/** A text as YAML reads it ("1e-3" is a number), but lists and mappings stay text. */
function scalar(text: string): unknown {
  try {
    const value: unknown = parse(text);
    return value !== null && typeof value === "object" ? text : (value ?? text);
  } catch {
    return text;
  }
}

/** Settings of which one makes the other void: a flag for the one drops the file's other. */
const rivals: readonly (readonly [keyof RunConfig, keyof RunConfig])[] = [
  ["max_steps", "num_epochs"],
  ["warmup_steps", "warmup_ratio"],
  ["test_datasets", "val_set_size"],
];

function withoutRivals(values: Readonly<Record<string, unknown>>, flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = { ...values };
  for (const [a, b] of rivals) {
    if (a in flags) delete kept[b];
    if (b in flags) delete kept[a];
  }
  return kept;
}

function checkRivals(config: RunConfig, place: (key: string) => string): void {
  if (config.warmup_steps !== undefined && config.warmup_ratio !== undefined) {
    throw usageError("bad-config", `${place("warmup_ratio")}: both warmup_steps and warmup_ratio are given.`, "Keep one of them.");
  }
  if (config.min_lr > config.learning_rate) {
    throw usageError(
      "bad-config",
      `${place("min_lr")}: min_lr ${config.min_lr} is larger than learning_rate ${config.learning_rate}.`,
      "The decay ends at min_lr: it must be at most learning_rate.",
    );
  }
  if (config.load_in_4bit && config.adapter === "none") {
    throw usageError(
      "bad-config",
      `${place("load_in_4bit")}: load_in_4bit keeps the base frozen, and adapter is none.`,
      "Train an adapter, or leave load_in_4bit out.",
    );
  }
  if (config.test_datasets && config.val_set_size > 0) {
    throw usageError(
      "bad-config",
      `${place("val_set_size")}: both test_datasets and val_set_size are given.`,
      "Keep one of them: held-out rows come from a file, or from the training rows.",
    );
  }
}

interface Origin {
  readonly file: ConfigText | undefined;
  readonly flags: ReadonlySet<string>;
  readonly written: ReadonlyMap<string, string>;
}

function placeOf(path: readonly PropertyKey[], { file, flags, written }: Origin, part?: "key" | "value"): string {
  const [key] = path;
  if (flags.has(String(key))) return `--${String(key).replaceAll("_", "-")}`;
  return file ? file.place([written.get(String(key)) ?? key!, ...path.slice(1)], part) : "the recipe";
}

function explainIssue(issue: z.core.$ZodIssue, origin: Origin): string[] {
  const name = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const known =
      issue.path.length === 0 ? [...runConfigKeys, ...aliasNames] : issue.path.at(-1) === "columns" ? recordFields : datasetKeys;
    return issue.keys.map((key) =>
      `${placeOf([...issue.path, key], origin, "key")}: unknown key ${[...issue.path, key].map(String).join(".")}. ${didYouMean(key, known, "")}`.trimEnd(),
    );
  }
  if (issue.input === undefined) {
    const where = issue.path.length > 1 ? placeOf(issue.path, origin) : origin.file?.place([]);
    return [`${where ?? "the command line"}: ${name} is missing: ${descriptionOf(issue.path)}.`];
  }
  if (issue.code === "custom") return [`${placeOf(issue.path, origin)}: ${issue.message}`];
  // Axolotl names a file's columns under type.
  const names = issue.path.at(-1) === "type" && typeof issue.input === "object";
  if (names)
    return [
      `${placeOf(issue.path, origin)}: ${name}: expected a format's name. Columns are named by columns, as in columns: { instruction: question, output: answer }.`,
    ];
  const close =
    issue.code === "invalid_value" && typeof issue.input === "string" ? ` ${didYouMean(issue.input, issue.values.map(String), "")}` : "";
  return [`${placeOf(issue.path, origin)}: ${name}: ${lowerFirst(issue.message)}, got ${JSON.stringify(issue.input)}.${close}`.trimEnd()];
}

function descriptionOf([key]: readonly PropertyKey[]): string {
  return (runConfigSchema.shape as Record<string, { description?: string }>)[String(key)]?.description ?? "it must be given";
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function withAbsolutePaths(config: RunConfig, beside: (key: string) => string, cwd: string): RunConfig {
  const from = (key: keyof RunConfig, path: string): string => resolve(beside(key), path);
  const { chat_template: template } = config;
  return {
    ...config,
    base_model: from("base_model", config.base_model),
    ...(config.tokenizer === undefined ? {} : { tokenizer: from("tokenizer", config.tokenizer) }),
    datasets: config.datasets.map((set) => ({ ...set, path: from("datasets", set.path) })),
    ...(config.test_datasets
      ? { test_datasets: config.test_datasets.map((set) => ({ ...set, path: from("test_datasets", set.path) })) }
      : {}),
    ...(template !== undefined && isTemplateFile(template) ? { chat_template: from("chat_template", template) } : {}),
    output_dir: resolve(cwd, config.output_dir),
    ...(config.resume_from_checkpoint === undefined || config.resume_from_checkpoint === "auto"
      ? {}
      : { resume_from_checkpoint: resolve(cwd, config.resume_from_checkpoint) }),
  };
}
