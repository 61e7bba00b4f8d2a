import { escape, htmlPage, visibleText } from "./htmlPage.ts";
import type { RowDifference } from "./previewDiff.ts";

type Change = RowDifference["changes"][number];

/** A page of the texts whose training changes from one recipe to another, row by row; `rows` says which, where the recipes name others. */
export function htmlDiff(differences: readonly RowDifference[], before: string, after: string, rows?: string): string {
  const more = differences.flatMap(({ changes }) => changes).filter((change) => weightOf(change.after) > weightOf(change.before)).length;
  const all = differences.reduce((sum, { changes }) => sum + changes.length, 0);
  const summary =
    all === 0
      ? "<p>Both recipes train the same.</p>"
      : `<p><b>${differences.length} rows</b> train otherwise: ${more} texts are learned more, ${all - more} less.</p>`;
  const legend = `<div class="legend"><span><span class="learned">blue and underlined</span>: learned under the second recipe</span><span><span class="text">grey</span>: no longer learned</span></div>`;
  const body = differences.map(({ row, changes }) => `<article><h2>Row ${row}</h2>${changes.map(change).join("")}</article>\n`).join("");
  return htmlPage(
    "What two recipes train differently",
    [["before", before], ["after", after], ...(rows === undefined ? [] : [["rows", rows] as const])],
    summary,
    legend,
    body,
  );
}

function change({ text, role, part, message, before, after }: Change): string {
  const name = message === null ? (role ?? "template") : `${message + 1}. ${role ?? "message"}`;
  const weight = weightOf(after);
  const states = `<b>${words(before)} &rarr; ${words(after)}</b>`;
  return `<section class="turn"><h3>${escape(`${name}, ${part}`)}</h3><div><pre><span class="${weight > 0 ? "learned" : "text"}">${visibleText(text)}</span></pre><p class="why">${states}: ${escape((after ?? before)!.reason)}</p></div></section>`;
}

const weightOf = (state: Change["after"]): number => state?.weight ?? 0;

function words(state: Change["after"]): string {
  if (state === null) return "not there";
  return state.weight === 0 ? "only read" : state.weight === 1 ? "learned" : `learned with weight ${state.weight}`;
}
