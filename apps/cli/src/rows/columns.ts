import { recordFields } from "@sft/templates";
import type { ArgsDef } from "citty";
import { CliError, usageError } from "../failure/cliError.ts";
import { closeNames, didYouMean } from "../failure/closeNames.ts";
import { textOf, type FlagValues } from "../flagValues.ts";

/** Field that a record format reads -> the file's column of that meaning. */
export type Columns = Readonly<Record<string, string | undefined>>;

/** The flag of every verb that reads rows. */
export const columnsFlag: ArgsDef = {
  columns: {
    type: "string",
    description: "what the rows' columns are called, as instruction=question,output=answer; default: as the format's fields",
  },
};

/** The value of {@link columnsFlag}. @throws CliError "bad-flag" */
export function columnsOf(args: FlagValues): Columns | undefined {
  const text = textOf(args, "columns");
  return text === undefined ? undefined : parseColumns(text);
}

/** "instruction=question,output=answer" as a mapping. @throws CliError "bad-flag" */
export function parseColumns(text: string): Columns {
  const example = "Write for example --columns instruction=question,output=answer.";
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [, field, column] = /^\s*([^=]*?)\s*=(.*)$/.exec(pair) ?? [];
      if (!field || !column) throw usageError("bad-flag", `--columns: expected FIELD=COLUMN, got ${JSON.stringify(pair)}.`, example);
      if (!recordFields.includes(field))
        throw usageError(
          "bad-flag",
          `--columns: no record format reads a field ${field}. ${didYouMean(field, recordFields, "")}`.trimEnd(),
          example,
        );
      return [field, column];
    }),
  );
}

/** Fields that a row may leave out, so that their column may be missing from it. */
const optionalFields: ReadonlySet<string> = new Set(["input", "system", "sys_prompt", "history", "tools"]);

/**
 * A row with its columns under the names that its format reads; other columns stay as they are.
 * @throws CliError "missing-column" where a column that a field needs is not there
 */
export function renameColumns(row: Readonly<Record<string, unknown>>, columns: Columns, place: string): Readonly<Record<string, unknown>> {
  const pairs = Object.entries(columns).filter((pair): pair is [string, string] => pair[1] !== undefined);
  for (const [field, column] of pairs) {
    if (Object.hasOwn(row, column) || optionalFields.has(field)) continue;
    const names = Object.keys(row);
    const [close] = closeNames(column, names);
    throw new CliError(
      "missing-column",
      `${place} has no column ${JSON.stringify(column)}, which columns names for ${field}; it has ${names.map((name) => JSON.stringify(name)).join(", ") || "none"}.`,
      close === undefined ? "Correct the name in columns, or the row." : `Did you mean ${JSON.stringify(close)}?`,
    );
  }
  const taken = new Set(pairs.map(([, column]) => column));
  const others = Object.entries(row).filter(([name]) => !taken.has(name));
  const named = pairs.filter(([, column]) => Object.hasOwn(row, column)).map(([field, column]) => [field, row[column]]);
  return Object.fromEntries([...others, ...named]);
}
