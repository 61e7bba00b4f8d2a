import { type Format, paint, showsColours } from "../terminal/paint.ts";
import type { PreviewRow } from "./previewRow.ts";

/** Colours say what happens to a token: green is trained, dim is context, magenta marks control tokens. */
function formatOf(trained: boolean, kind: string): Format {
  if (kind === "control") return trained ? ["green", "bold", "underline"] : "magenta";
  return trained ? "green" : "dim";
}

const legend: readonly (readonly [string, Format])[] = [
  ["trained", "green"],
  ["trained terminator", ["green", "bold", "underline"]],
  ["context, not trained", "dim"],
  ["control token, not trained", "magenta"],
];

/** What the colours mean; printed once, above the rows. */
export function terminalLegend(): string {
  return !showsColours() ? "«trained»   context, not trained" : legend.map(([words, format]) => paint(format, words)).join("   ");
}

/** A row's text in colours, under a line of figures and above its warnings. Without colours trained text stands in «». */
export function terminalPreview({ row, ids, weights, spans, warnings }: PreviewRow): string {
  const trained = weights.filter((weight) => weight > 0).length;
  const head = paint("bold", `row ${row}`) + paint("dim", `  ${ids.length} tokens, ${trained} trained`);
  const body = spans.map(({ text, trained: isTrained, kind }) => mark(text, isTrained, formatOf(isTrained, kind))).join("");
  const notes = warnings.map(({ code, message }) => paint("yellow", `  ${code}: ${message}`));
  return [head, body, ...notes].join("\n");
}

function mark(text: string, trained: boolean, format: Format): string {
  return trained && !showsColours() ? `«${text}»` : paint(format, text);
}
