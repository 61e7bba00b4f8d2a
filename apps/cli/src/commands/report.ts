import { writeFileAtomic } from "@sft/checkpoint";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, textOf } from "../flagValues.ts";
import { configDifferences } from "../report/configDifferences.ts";
import { htmlReport, reportMark } from "../report/htmlReport.ts";
import { markdownComparison, markdownReport } from "../report/markdownReport.ts";
import { readRun } from "../report/readRun.ts";
import { runSummary } from "../report/runSummary.ts";

export const examples: readonly string[] = [
  "sft report runs/mine",
  "sft report runs/mine runs/other --html report.html",
  "sft report runs/* --json",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "report",
    description: "Tell what came of a run, from its folder alone; several runs side by side, with the config keys in which they differ.",
  },
  args: {
    run: { type: "positional", required: true, description: "folder of a run, as output_dir named it; any number of them" },
    html: { type: "string", description: "write a page of its own with curves to this file" },
    overwrite: { type: "boolean", description: "let --html replace a file that sft report did not write" },
    json: { type: "boolean", description: "print one JSON object a run" },
  } as ArgsDef,
  async run({ args }) {
    const cwd = process.cwd();
    const now = Date.now();
    const html = textOf(args, "html");
    if (html !== undefined && !booleanOf(args, "overwrite")) await refuseOthersFile(html, resolve(cwd, html));
    const runs = await Promise.all([...new Set(args._)].map((name) => readRun(name, cwd)));
    const reported = runs.map((run) => ({ run, summary: runSummary(run, now) }));
    for (const { warnings } of runs) for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    const summaries = reported.map(({ summary }) => summary);
    const differences = configDifferences(runs.map(({ config }) => config));
    if (html !== undefined) await writeFileAtomic(resolve(cwd, html), await htmlReport(reported, differences));
    if (booleanOf(args, "json")) for (const summary of summaries) print(JSON.stringify(summary));
    else if (html !== undefined) print(`wrote ${html}`);
    else print(summaries.length === 1 ? markdownReport(summaries[0]!) : markdownComparison(summaries, differences));
  },
});

export default command;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** A page of an earlier report may go; anything else that lies there is the user's. */
async function refuseOthersFile(name: string, path: string): Promise<void> {
  const isThere = await stat(path).catch(() => undefined);
  if (isThere === undefined || (isThere.isFile() && (await beginningOf(path)).includes(reportMark))) return;
  throw usageError(
    "not-our-file",
    `--html ${name}: ${isThere.isFile() ? "this file is no page that sft report wrote" : "this is no file"}.`,
    isThere.isFile() ? "Give another name, or replace it with --overwrite." : "Give the name of a file.",
  );
}

async function beginningOf(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(200));
  return buffer.toString("utf8", 0, bytesRead);
}
