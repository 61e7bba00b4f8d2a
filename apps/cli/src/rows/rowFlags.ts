import { resolveMaskPolicy, truncationStrategies, type TruncationStrategy } from "@sft/mask";
import { type RecordFormat, recordFormats } from "@sft/templates";
import type { ArgsDef } from "citty";
import { resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { countOf, textOf, wordOf, type FlagValues } from "../flagValues.ts";
import { isTemplateFile } from "./chooseTemplate.ts";
import { columnsFlag, columnsOf, type Columns } from "./columns.ts";

/** Flags of every verb that turns rows into tokens. */
export const rowFlags: ArgsDef = {
  template: {
    type: "string",
    description: "built-in style, \"tokenizer\" for the folder's own chat template, or a .jinja file; default: by the rows' format",
  },
  mask: {
    type: "string",
    description: "policy (completion, assistant, last, all) or a peer's name (litgpt, trl, ...); default: by the rows' format",
  },
  "max-length": { type: "string", description: "longest row in tokens" },
  truncation: { type: "string", description: `what becomes of a longer row: ${truncationStrategies.join(", ")}` },
  type: { type: "string", description: `record format: ${recordFormats.join(", ")}; default: detected` },
  ...columnsFlag,
};

/** What a library's words about `maxLength` become in this program's. */
export const inOurWords = (text: string): string =>
  text.replace(/\bmaxLength\b/g, "sequence_len (the flag --max-length of verbs without a recipe)");

export interface RowSettings {
  readonly template: string | undefined;
  readonly mask: string | undefined;
  readonly maxLength: number | undefined;
  readonly truncation: TruncationStrategy | undefined;
  readonly type: RecordFormat | undefined;
  readonly columns: Columns | undefined;
}

/** The values of {@link rowFlags}; a template file is looked for from the working directory. */
export function rowSettings(args: FlagValues): RowSettings {
  const template = textOf(args, "template");
  return {
    template: template !== undefined && isTemplateFile(template) ? resolve(template) : template,
    mask: maskOf(args),
    maxLength: countOf(args, "max-length"),
    truncation: wordOf(args, "truncation", truncationStrategies),
    type: wordOf(args, "type", recordFormats),
    columns: columnsOf(args),
  };
}

/** A policy's name, known before any row is read. @throws CliError "bad-flag" */
function maskOf(args: FlagValues): string | undefined {
  const name = textOf(args, "mask");
  try {
    if (name !== undefined) resolveMaskPolicy(name);
  } catch (cause) {
    throw usageError("bad-flag", `--mask: ${(cause as Error).message}`, "The README of @sft/mask says what each of them trains.");
  }
  return name;
}
