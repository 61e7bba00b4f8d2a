import type { ArgsDef } from "citty";
import { columnsFlag } from "../rows/columns.ts";
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

/** The recipe keys that were given as flags, and `columns`. */
export function givenRecipeFlags(args: Readonly<Record<string, unknown>>): Record<string, string | boolean> {
  const given: Record<string, string | boolean> = {};
  for (const [key, flag] of [...runConfigKeys.map((key) => [key, flagOf(key)] as const), ["columns", "columns"] as const]) {
    const value = args[flag];
    if (typeof value === "string" || typeof value === "boolean") given[key] = value;
  }
  return given;
}
