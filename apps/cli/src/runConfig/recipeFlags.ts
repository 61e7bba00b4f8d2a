import type { ArgsDef } from "citty";
import { columnsFlag } from "../rows/columns.ts";
import { meaningOf } from "./aliases.ts";
import { runConfigKeys, runConfigSchema, type RunConfig } from "./schema.ts";

/** Keys whose flag has a shorter name. */
const flagNames: Partial<Record<keyof RunConfig, string>> = {
  datasets: "data",
  test_datasets: "test-data",
  resume_from_checkpoint: "resume",
  load_in_4bit: "qlora",
};

const flagOf = (key: keyof RunConfig): string => flagNames[key] ?? key.replaceAll("_", "-");

/** One flag a key of a recipe, described by the schema, and one for the columns of its data sets. */
export function recipeFlags(): ArgsDef {
  const flags: ArgsDef = Object.fromEntries(
    runConfigKeys.map((key) => {
      const field = runConfigSchema.shape[key];
      const input = runConfigSchema.shape[key].def as { type: string; innerType?: { def: { type: string } }; defaultValue?: unknown };
      const isBoolean = input.type === "boolean" || input.innerType?.def.type === "boolean";
      const shown = input.type === "default" ? ` (default ${String(input.defaultValue)})` : "";
      const alias = flagNames[key] ? [key.replaceAll("_", "-")] : [];
      return [flagOf(key), { type: isBoolean ? "boolean" : "string", alias, description: `${field.description ?? ""}${shown}` }];
    }),
  );
  return { ...flags, ...columnsFlag };
}

/** What verbs that read no recipe call a key's setting. */
const elsewhere: Partial<Record<keyof RunConfig, readonly string[]>> = {
  base_model: ["model", "tokenizer"],
  chat_template: ["template"],
  train_on: ["mask"],
  sequence_len: ["max-length"],
  sample_max_new_tokens: ["max-new-tokens"],
};

/**
 * What to write for a flag that has the name of a recipe's key or of another tool's, as `--num-train-epochs` or LitGPT's
 * `--train.epochs`. Undefined where `defined` has no flag of that meaning.
 */
export function flagOfOtherName(name: string, defined: ReadonlySet<string>): string | undefined {
  const word = name.slice(name.lastIndexOf(".") + 1).replaceAll("-", "_");
  const meaning = meaningOf(word);
  const key = runConfigKeys.find((key) => key === (meaning?.key ?? word));
  const flag = key && [flagOf(key), ...(elsewhere[key] ?? [])].find((flag) => defined.has(flag));
  if (flag === undefined) return undefined;
  if (meaning?.whenOn === null) return `That is the default here; --${flag} says otherwise.`;
  return `That is --${[flag, meaning?.whenOn ?? []].flat().join(" ")} here.`;
}

/** The recipe keys that were given as flags, and `columns`. */
export function givenRecipeFlags(args: Readonly<Record<string, unknown>>): Record<string, string | boolean> {
  const given: Record<string, string | boolean> = {};
  for (const [key, flag] of [...runConfigKeys.map((key) => [key, flagOf(key)] as const), ["columns", "columns"] as const]) {
    const value = args[flag];
    if (typeof value === "string" || typeof value === "boolean") given[key] = value;
  }
  return given;
}
