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

/** Looks at all rows of a file for a column that none of them has: where its field may be left out, no single row tells. */
export class ColumnWatch {
  readonly #unseen: Map<string, string>;
  readonly #names = new Set<string>();

  constructor(columns: Columns = {}) {
    this.#unseen = new Map(pairsOf(columns).map(([field, column]) => [column, field]));
  }

  /** Whether every column was seen. */
  get isContent(): boolean {
    return this.#unseen.size === 0;
  }

  see(row: unknown): void {
    if (this.isContent || typeof row !== "object" || row === null) return;
    for (const name of Object.keys(row)) {
      this.#unseen.delete(name);
      this.#names.add(name);
    }
  }

  /** @throws CliError "missing-column" */
  end(file: string): void {
    for (const [column, field] of this.#unseen) throw missingColumn(`${file}: no row has a column`, column, field, this.#names);
  }
}

const pairsOf = (columns: Columns): readonly (readonly [string, string])[] =>
  Object.entries(columns).filter((pair): pair is [string, string] => pair[1] !== undefined);

function missingColumn(problem: string, column: string, field: string, names: Iterable<string>): CliError {
  const known = [...names];
  const [close] = closeNames(column, known);
  return new CliError(
    "missing-column",
    `${problem} ${JSON.stringify(column)}, which columns names for ${field}; there is ${known.map((name) => JSON.stringify(name)).join(", ") || "none"}.`,
    close === undefined ? "Correct the name in columns, or the row." : `Did you mean ${JSON.stringify(close)}?`,
  );
}

/**
 * A row with its columns under the names that its format reads; other columns stay as they are.
 * @throws CliError "missing-column" where a column that a field needs is not there
 */
export function renameColumns(row: Readonly<Record<string, unknown>>, columns: Columns, place: string): Readonly<Record<string, unknown>> {
  const pairs = pairsOf(columns);
  for (const [field, column] of pairs)
    if (!Object.hasOwn(row, column) && !optionalFields.has(field))
      throw missingColumn(`${place} has no column`, column, field, Object.keys(row));
  const taken = new Set(pairs.map(([, column]) => column));
  const others = Object.entries(row).filter(([name]) => !taken.has(name));
  const named = pairs.filter(([, column]) => Object.hasOwn(row, column)).map(([field, column]) => [field, row[column]]);
  return Object.fromEntries([...others, ...named]);
}
