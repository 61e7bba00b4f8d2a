import { curvePage } from "../curvePage.ts";
import { escape } from "../preview/htmlPage.ts";
import type { ConfigDifference } from "./configDifferences.ts";
import { curveData } from "./curveData.ts";
import type { Run } from "./readRun.ts";
import type { RunSummary } from "./runSummary.ts";
import { comparedLines } from "./summaryLines.ts";

/** What a page of this verb says of itself, near its beginning. */
export const reportMark = '<meta name="generator" content="sft report">';

export interface ReportedRun {
  readonly run: Run;
  readonly summary: RunSummary;
}

/** A page of its own: the figures, the curves of all runs over each other, and the sample answers. */
export function htmlReport(runs: readonly ReportedRun[], differences: readonly ConfigDifference[]): Promise<string> {
  const names = runs.map(({ run }) => run.name);
  const summaries = runs.map(({ summary }) => summary);
  const title = names.join(", ");
  return curvePage({
    title: `sft report: ${title}`,
    generator: "sft report",
    script: "report",
    data: runs.map(({ run }) => ({ name: run.name, ...curveData(run.log) })),
    body: `<header><h1>${escape(title)}</h1></header>
<main><noscript><p class="muted">The curves need JavaScript; the figures below do without.</p></noscript>
<div id="chosen"></div><div id="curves"></div>
<h2>Figures</h2>${table(["", ...names], comparedLines(summaries, "–"))}
${runs.length > 1 ? differing(names, differences) : ""}${runs.map(({ summary }) => samples(summary, runs.length > 1)).join("")}</main>`,
  });
}

function differing(names: readonly string[], differences: readonly ConfigDifference[]): string {
  if (differences.length === 0) return "<p>Their configs are the same.</p>";
  return `<h2>Config keys that differ</h2>${table(
    ["", ...names],
    differences.map(({ key, values }) => [key, ...values]),
  )}`;
}

function samples({ run, samples }: RunSummary, isOneOfSeveral: boolean): string {
  if (samples.length === 0) return "";
  const rows = samples.map(({ prompt, before, after, reference }) => [prompt, before.text, after.text, reference]);
  return `<h2>Sample answers${isOneOfSeveral ? ` of ${escape(run)}` : ""}</h2>${table(["question", "before", "after", "reference"], rows)}`;
}

/** The first cell of a row heads it. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((text) => (text === "" ? "<td></td>" : `<th scope="col">${escape(text)}</th>`)).join("");
  const body = rows.map(
    ([first, ...cells]) => `<tr><th scope="row">${escape(first!)}</th>${cells.map((text) => `<td>${escape(text)}</td>`).join("")}</tr>`,
  );
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}
