import { makeFolder, writeFileAtomic } from "@sft/checkpoint";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { basename, dirname, extname, resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, textOf, wordOf } from "../flagValues.ts";
import { lookAtRows, type RowsSeen } from "../init/lookAtRows.ts";
import { methods, proposeSettings } from "../init/proposeSettings.ts";
import { besideRecipe, checkRecipePlace } from "../init/recipePlace.ts";
import { recipeText } from "../init/recipeText.ts";
import { openModel } from "../model/openModel.ts";
import { columnsFlag, columnsOf, type Columns } from "../rows/columns.ts";
import { runConfigSchema, type RunConfig } from "../runConfig/schema.ts";

export const examples: readonly string[] = [
  "sft init",
  "sft init recipe.yaml --base-model ./model --data rows.jsonl",
  "sft init recipe.yaml --base-model ./model --data chats.jsonl --method qlora",
];

/** Enough to see how rows look, and quick with any file. */
const rowsToLookAt = 1000;

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "init",
    description:
      "Write a recipe with the keys that people change. With --data and --base-model, it is set up for those rows and that model.",
  },
  args: {
    recipe: { type: "positional", required: false, default: "sft.yaml", description: "file to write" },
    "base-model": { type: "string", description: "folder of the base model, in Hugging Face's layout" },
    data: { type: "string", description: "rows to train on: their first 1,000 say which template, mask and length suit them" },
    ...columnsFlag,
    method: { type: "string", default: "lora", description: `what is trained: ${methods.join(", ")} (LoRA on a base in 4 bits)` },
    overwrite: { type: "boolean", description: "write over a file that is there" },
    json: { type: "boolean", description: "print one JSON object" },
  } as ArgsDef,
  async run({ args }) {
    const shown = String(args.recipe);
    const recipe = resolve(shown);
    const method = wordOf(args, "method", methods)!;
    const [modelText, dataText] = [textOf(args, "base-model"), textOf(args, "data")];
    const model = modelText === undefined ? undefined : resolve(modelText);
    const datasets = dataText === undefined ? undefined : datasetsOf(dataText, columnsOf(args));
    await checkRecipePlace(recipe, shown, booleanOf(args, "overwrite"));

    await using opened = model === undefined ? undefined : await openModel(model);
    const rows = datasets && (await lookAtRows(datasets, opened?.tokenizer, rowsToLookAt));
    const proposal = proposeSettings(method, rows, opened?.config.maxPositions);
    const values: Partial<RunConfig> = {
      ...proposal.values,
      base_model: model === undefined ? "./model" : besideRecipe(recipe, model),
      datasets: datasets?.map((set) => ({ ...set, path: besideRecipe(recipe, set.path), ...typeOf(rows!) })) ?? [{ path: "./rows.jsonl" }],
      output_dir: `runs/${basename(shown, extname(shown))}`,
    };
    await makeFolder(dirname(recipe));
    await writeFileAtomic(recipe, recipeText(method, { ...proposal, values }));

    const missing = [...(model === undefined ? ["base_model"] : []), ...(datasets === undefined ? ["datasets"] : [])];
    const next = nextCalls(shown, modelText, dataText, textOf(args, "columns"), values);
    if (booleanOf(args, "json")) {
      const { encoded, ...seen } = rows ?? {};
      const tokens = encoded?.lengths.length ? { longest_tokens: encoded.lengths.at(-1) } : {};
      process.stdout.write(
        `${JSON.stringify({ recipe, method, ...(rows ? { rows: { ...seen, ...tokens } } : {}), values, missing, next })}\n`,
      );
    } else process.stdout.write(report(shown, method, rows, proposal.remarks, values, missing, next));
  },
});

export default command;

/** Files, several with commas, as `sft train --data` takes them. @throws CliError "bad-flag" */
function datasetsOf(text: string, columns: Columns | undefined): RunConfig["datasets"] {
  const read = runConfigSchema.shape.datasets.safeParse(text);
  if (!read.success) throw usageError("bad-flag", "--data names a file that has no name.", "Write --data rows.jsonl, several with commas.");
  return read.data.map((set) => ({ path: resolve(set.path), ...(columns ? { columns } : {}) }));
}

/** One format for all rows is named, so that a row of another is refused with its place. */
const typeOf = ({ formats }: RowsSeen): { type?: RowsSeen["formats"][number] } => (formats.length === 1 ? { type: formats[0]! } : {});

/** What to call now, as typed in the folder in which `sft init` was called. */
function nextCalls(
  recipe: string,
  model: string | undefined,
  data: string | undefined,
  columns: string | undefined,
  { chat_template: template }: Partial<RunConfig>,
): string[] {
  const canPreview = model !== undefined && data !== undefined && !data.includes(",");
  const style = template === undefined ? "" : ` --template ${template}`;
  const names = columns === undefined ? "" : ` --columns ${quoted(columns)}`;
  return [
    ...(canPreview ? [`sft preview --data ${quoted(data)} --tokenizer ${quoted(model)}${names}${style}`] : []),
    `sft plan ${quoted(recipe)}`,
    `sft train ${quoted(recipe)}`,
  ];
}

const quoted = (word: string): string => (/^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function report(
  shown: string,
  method: string,
  rows: RowsSeen | undefined,
  remarks: Readonly<Record<string, string>>,
  values: Partial<RunConfig>,
  missing: readonly string[],
  next: readonly string[],
): string {
  const lines = [`wrote     ${shown} (${method})`];
  if (rows) {
    lines.push(
      `rows      ${rows.formats.join(" and ")}${rows.all ? `, ${rows.count} in all` : `; the first ${rows.count} were looked at`}`,
    );
    lines.push(`template  ${values.chat_template}   train on: ${values.train_on ?? "by each row's format"}`);
  }
  for (const remark of Object.values(remarks)) lines.push(`          ${remark}`);
  if (missing.length > 0) lines.push(`first     set ${missing.join(" and ")} in it, where now an example stands`);
  return `${[...lines, ...next.map((call, index) => `${(index === 0 ? "next" : "").padEnd(9)} ${call}`)].join("\n")}\n`;
}
