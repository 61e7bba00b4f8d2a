import { writeFileAtomic } from "@sft/checkpoint";
import { loadTokenizer } from "@sft/tokenizer/node";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { basename, resolve } from "node:path";
import { booleanOf, countOf, textOf } from "../flagValues.ts";
import { htmlPreview } from "../preview/htmlPreview.ts";
import { type PreviewRow, previewRow } from "../preview/previewRow.ts";
import { terminalLegend, terminalPreview } from "../preview/terminalPreview.ts";
import { chooseTemplate } from "../rows/chooseTemplate.ts";
import { encodeRows } from "../rows/encodeRows.ts";
import { rowFlags, rowSettings } from "../rows/rowFlags.ts";

export const examples: readonly string[] = [
  "sft preview --data rows.jsonl --tokenizer ./model",
  "sft preview --data chats.jsonl --tokenizer ./model --template tokenizer --mask assistant --json",
  "sft preview --data rows.json --tokenizer ./model --mask litgpt --max-length 256 --html preview.html",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: { name: "preview", description: "Show which tokens of each row are trained, and why." },
  args: {
    data: { type: "string", required: true, description: "json, jsonl, csv, tsv or parquet" },
    tokenizer: { type: "string", required: true, description: "folder with tokenizer.json" },
    ...rowFlags,
    rows: { type: "string", description: "stop after so many rows (default: 5 on a terminal, else all)" },
    html: { type: "string", description: "write a page to this file" },
    json: { type: "boolean", description: "print one JSON object a row" },
  } as ArgsDef,
  async run({ args }) {
    const data = textOf(args, "data")!;
    const tokenizer = await loadTokenizer(resolve(textOf(args, "tokenizer")!));
    const settings = { tokenizer, ...rowSettings(args), templateFor: await chooseTemplate(rowSettings(args).template, tokenizer) };
    const html = textOf(args, "html");
    const json = booleanOf(args, "json");
    const limit = countOf(args, "rows") ?? (process.stdout.isTTY && !json && html === undefined ? 5 : Infinity);
    const kept: PreviewRow[] = [];
    const templates = new Set<string>();
    const policies = new Set<string>();
    let count = 0;
    for await (const encoded of encodeRows([{ path: resolve(data), type: settings.type }], settings)) {
      if (count++ >= limit) break;
      const row = previewRow(encoded);
      if (json) process.stdout.write(`${JSON.stringify(row)}\n`);
      else if (html === undefined) process.stdout.write(`${count === 1 ? `${terminalLegend()}\n\n` : ""}${terminalPreview(row)}\n\n`);
      if (html === undefined) continue;
      kept.push(row);
      templates.add(encoded.chosen.template.name);
      policies.add(encoded.example.policy);
    }
    if (html === undefined) return;
    await writeFileAtomic(resolve(html), htmlPreview(kept, { data: basename(data), template: [...templates].join(", "), mask: [...policies].join(", ") }));
    if (!json) process.stdout.write(`wrote ${html}\n`);
  },
});

export default command;
