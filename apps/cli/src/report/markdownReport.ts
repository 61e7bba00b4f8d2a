import type { ConfigDifference } from "./configDifferences.ts";
import type { RunSummary } from "./runSummary.ts";
import { comparedLines, summaryLines } from "./summaryLines.ts";

/** One run: what came of it, and its sample answers. */
export function markdownReport(run: RunSummary): string {
  const lines = summaryLines(run);
  const width = Math.max(...lines.map(([label]) => label.length));
  const facts = lines.map(([label, text]) => `- ${`${label}:`.padEnd(width + 1)} ${oneLine(text)}`);
  return [`# ${oneLine(run.run)}`, "", ...facts, ...sampleLines(run)].join("\n");
}

/** Several runs side by side, and the config keys in which they differ. */
export function markdownComparison(runs: readonly RunSummary[], differences: readonly ConfigDifference[]): string {
  const heads = ["", ...runs.map(({ run }) => run)];
  const parts = ["# Runs", "", ...table(heads, comparedLines(runs, "-")), ""];
  if (differences.length === 0) parts.push("Their configs are the same.");
  else
    parts.push(
      "## Config keys that differ",
      "",
      ...table(
        heads,
        differences.map(({ key, values }) => [key, ...values]),
      ),
    );
  return parts.join("\n");
}

function sampleLines({ samples }: RunSummary): readonly string[] {
  if (samples.length === 0) return [];
  return [
    "",
    "## Sample answers",
    ...samples.flatMap(({ prompt, before, after, reference }) => [
      "",
      `**${oneLine(prompt)}**`,
      `- before:    ${oneLine(before.text) || "(nothing)"}`,
      `- after:     ${oneLine(after.text) || "(nothing)"}`,
      `- reference: ${oneLine(reference)}`,
    ]),
  ];
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = [heads, ...rows].map((row) => row.map((text) => oneLine(text).replaceAll("|", "\\|")));
  const widths = heads.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(cells[0]!), line(widths.map((width) => "-".repeat(width))), ...cells.slice(1).map(line)];
}

/** One line without what a terminal would take for commands. */
function oneLine(text: string): string {
  return text.trim().replaceAll(/[\s\p{Cc}]+/gu, " ");
}
