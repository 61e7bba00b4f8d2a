import { writeFileAtomic } from "@sft/checkpoint";
import type { Example } from "@sft/mask";
import { loadTokenizer } from "@sft/tokenizer/node";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { basename, resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, countOf, textOf, wordOf, type FlagValues } from "../flagValues.ts";
import { htmlDiff } from "../preview/htmlDiff.ts";
import { htmlPreview } from "../preview/htmlPreview.ts";
import { labelLine } from "../preview/labelLine.ts";
import { parquetLabels } from "../preview/parquetLabels.ts";
import { otherRows, previewDiff, type RowDifference } from "../preview/previewDiff.ts";
import { type PreviewRow, previewRow } from "../preview/previewRow.ts";
import { terminalDiff } from "../preview/terminalDiff.ts";
import { terminalLegend, terminalPreview } from "../preview/terminalPreview.ts";
import { chooseTemplate } from "../rows/chooseTemplate.ts";
import { type EncodedRow, encodeRows } from "../rows/encodeRows.ts";
import { rowFlags, rowSettings } from "../rows/rowFlags.ts";

export const examples: readonly string[] = [
  "sft preview --data rows.jsonl --tokenizer ./model",
  "sft preview --data chats.jsonl --tokenizer ./model --template tokenizer --mask assistant --json",
  "sft preview --data rows.json --tokenizer ./model --mask litgpt --max-length 256 --html preview.html",
  "sft preview --data rows.json --tokenizer ./model --export jsonl > labels.jsonl",
  "sft preview --data rows.json --tokenizer ./model --export parquet labels.parquet",
  "sft preview --diff before.yaml after.yaml --html diff.html",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: { name: "preview", description: "Show which tokens of each row are trained, and why; or what two recipes train differently." },
  args: {
    data: { type: "string", description: "json, jsonl, csv, tsv or parquet" },
    tokenizer: { type: "string", description: "folder with tokenizer.json" },
    ...rowFlags,
    rows: { type: "string", description: "stop after so many rows (default: 5 on a terminal, else all)" },
    html: { type: "string", description: "write a page to this file" },
    export: {
      type: "string",
      description:
        "jsonl or parquet: input_ids and labels (-100: no target) for PyTorch trainers, to the file that follows; jsonl without a file is printed",
    },
    diff: { type: "string", description: "a recipe, to compare with the one that follows" },
    after: { type: "positional", required: false, description: "the second recipe of --diff, or the file of --export" },
    json: { type: "boolean", description: "print one JSON object a row" },
  } as ArgsDef,
  async run({ args }) {
    const json = booleanOf(args, "json");
    const html = textOf(args, "html");
    const format = wordOf(args, "export", ["jsonl", "parquet"] as const);
    const isGlance = process.stdout.isTTY && !json && format === undefined && html === undefined;
    const limit = countOf(args, "rows") ?? (isGlance ? 5 : Infinity);
    if (textOf(args, "diff") !== undefined) return printDiff(args, limit, json);
    if (html !== undefined) return writePage(args, html, limit);
    if (format !== undefined) return exportLabels(args, format, limit);
    let first = true;
    for await (const row of rowsOf(args, limit)) {
      if (json) print(JSON.stringify(previewRow(row)));
      else print(`${first ? `${terminalLegend()}\n\n` : ""}${terminalPreview(previewRow(row))}\n`);
      first = false;
    }
  },
});

export default command;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function* rowsOf(args: FlagValues, limit: number): AsyncGenerator<EncodedRow> {
  const [data, folder] = [textOf(args, "data"), textOf(args, "tokenizer")];
  if (data === undefined || folder === undefined)
    throw usageError(
      "missing-flag",
      "Rows and the tokenizer that will read them are needed.",
      "Give --data FILE and --tokenizer DIR, or compare two recipes with --diff A.yaml B.yaml.",
    );
  const settings = rowSettings(args);
  const tokenizer = await loadTokenizer(resolve(folder));
  const templateFor = await chooseTemplate(settings.template, tokenizer);
  let count = 0;
  for await (const row of encodeRows([{ path: resolve(data), type: settings.type, columns: settings.columns }], {
    ...settings,
    tokenizer,
    templateFor,
  })) {
    if (count++ >= limit) return;
    yield row;
  }
}

/** Rows that were dropped (over-long, or nothing to learn) are left out, as training leaves them out. */
async function exportLabels(args: FlagValues, format: "jsonl" | "parquet", limit: number): Promise<void> {
  const file = textOf(args, "after");
  if (file === undefined && format === "parquet")
    throw usageError("missing-flag", "--export parquet needs a file.", "Write --export parquet labels.parquet.");
  const examples: Example[] = [];
  let count = 0;
  for await (const { example } of rowsOf(args, limit)) {
    count++;
    if (example.dropped !== null || !example.weights.some((weight) => weight > 0)) continue;
    if (file === undefined) print(labelLine(example));
    else examples.push(example);
  }
  if (file === undefined) return;
  const content = format === "parquet" ? parquetLabels(examples) : examples.map((example) => `${labelLine(example)}\n`).join("");
  await writeFileAtomic(resolve(file), content);
  print(`wrote ${examples.length} of ${count} rows to ${file}`);
}

async function writePage(args: FlagValues, html: string, limit: number): Promise<void> {
  const rows: PreviewRow[] = [];
  const [templates, policies] = [new Set<string>(), new Set<string>()];
  for await (const row of rowsOf(args, limit)) {
    rows.push(previewRow(row));
    templates.add(row.chosen.template.name);
    policies.add(row.example.policy);
  }
  const { maxLength, truncation } = rowSettings(args);
  await writeFileAtomic(
    resolve(html),
    htmlPreview(rows, basename(textOf(args, "data")!), [
      ["template", [...templates].join(", ")],
      ["mask", [...policies].join(", ")],
      ["tokenizer", basename(resolve(textOf(args, "tokenizer")!))],
      ["longest row", maxLength === undefined ? "no limit" : `${maxLength} tokens, then ${truncation ?? "drop"}`],
    ]),
  );
  print(`wrote ${html}`);
}

async function printDiff(args: FlagValues, limit: number, json: boolean): Promise<void> {
  const after = textOf(args, "after");
  if (after === undefined)
    throw usageError("missing-flag", "--diff compares two recipes, and one was given.", "Write --diff A.yaml B.yaml.");
  const before = textOf(args, "diff")!;
  const html = textOf(args, "html");
  const differences: RowDifference[] = [];
  const compared = await otherRows(before, after, process.cwd());
  if (compared !== undefined) process.stderr.write(`note: ${compared}\n`);
  let count = 0;
  for await (const difference of previewDiff(before, after, process.cwd())) {
    if (count++ >= limit) break;
    if (html !== undefined) differences.push(difference);
    else print(json ? JSON.stringify(difference) : `${terminalDiff(difference)}\n`);
  }
  if (html !== undefined) {
    await writeFileAtomic(resolve(html), htmlDiff(differences, before, after, compared));
    print(`wrote ${html}`);
  } else if (count === 0 && !json) print(`both recipes train the same${compared === undefined ? "" : ` on the rows of ${before}`}`);
}
