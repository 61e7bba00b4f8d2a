import { escape, htmlPage, visibleText } from "./htmlPage.ts";
import type { PreviewRow, PreviewSpan } from "./previewRow.ts";

const legend = `<div class="legend">
<span><span class="learned">blue and underlined</span>: the model learns to write it, it counts in the loss</span>
<span><span class="text">grey</span>: the model only reads it, no loss</span>
<span><span class="learned partly">striped, dashed<span class="weight">&times;0.5</span></span>: learned with this weight</span>
<span><span class="control">boxed</span>: a control token, one id of the tokenizer</span>
<span><i class="blank end"></i> line end, <i class="blank tab"></i> tab, <i class="blank space">&nbsp;</i> space at an edge, <i class="blank hidden">U+200B</i> a character without a shape</span>
<span>Below each turn: which rule decided. Hold the pointer over a text for its tokens.</span></div>`;

/** A page that shows which text of each row is trained, turn by turn, and under each turn the rules that decided. */
export function htmlPreview(rows: readonly PreviewRow[], data: string, settings: readonly (readonly [string, string])[]): string {
  const tokens = rows.reduce((sum, { ids }) => sum + ids.length, 0);
  const trained = rows.reduce((sum, row) => sum + trainedTokens(row), 0);
  const share = (tokens === 0 ? 0 : (100 * trained) / tokens).toFixed(1);
  const summary = `<p>The model learns to write <b>${trained} of ${tokens} tokens (${share} %)</b> of ${rows.length} rows. It only reads the others.</p>
<div class="share" title="${share} % learned"><i style="width:${share}%"></i></div>`;
  return htmlPage(`What is trained in ${data}`, settings, summary, legend, articles(rows));
}

/** A row may give several examples, one a supervised turn; they are numbered. */
function articles(rows: readonly PreviewRow[]): string {
  const examples = new Map<number, PreviewRow[]>();
  for (const row of rows) examples.set(row.row, [...(examples.get(row.row) ?? []), row]);
  return rows
    .map((row) => {
      const same = examples.get(row.row)!;
      return article(row, same.length === 1 ? "" : `, example ${same.indexOf(row) + 1} of ${same.length}`);
    })
    .join("");
}

function article(row: PreviewRow, which: string): string {
  const warnings = row.warnings.map(({ code, message }) => `<p class="warning">${escape(code)}: ${escape(message)}</p>`).join("");
  const figures = `<span class="muted">${row.ids.length} tokens, ${trainedTokens(row)} learned</span>`;
  return `<article><h2>Row ${row.row}${which} ${figures}</h2>${turnsOf(row.spans)
    .map((spans) => turn(spans, row.weights))
    .join("")}${warnings}</article>\n`;
}

/** Neighbouring spans of one message belong together; so do those of none. */
function turnsOf(spans: readonly PreviewSpan[]): PreviewSpan[][] {
  const turns: PreviewSpan[][] = [];
  for (const span of spans) {
    const last = turns.at(-1);
    if (last && last[0]!.message === span.message && last[0]!.role === span.role) last.push(span);
    else turns.push([span]);
  }
  return turns;
}

function turn(spans: readonly PreviewSpan[], weights: readonly number[]): string {
  const { role, message } = spans[0]!;
  const name = message === null ? (role ?? "template") : `${message + 1}. ${role ?? "message"}`;
  const texts = spans
    .map((span, i) => {
      const weight = weightOf(span, weights);
      const next = spans[i + 1];
      return spanText(span, weight, next === undefined || weightOf(next, weights) !== weight);
    })
    .join("");
  return `<section class="turn"><h3>${escape(name)}</h3><div><pre>${texts}</pre>${reasons(spans, weights)}</div></section>`;
}

const weightOf = ({ start, end }: PreviewSpan, weights: readonly number[]): number => (end > start ? weights[start]! : 0);
const stateWords = (weight: number): string =>
  weight === 0 ? "only read" : weight === 1 ? "learned" : `learned with weight ${short(weight)}`;
const short = (weight: number): string => String(Number(weight.toPrecision(4)));

function spanText({ text, kind, reason, start, end }: PreviewSpan, weight: number, endsRun: boolean): string {
  const classes = [
    weight > 0 ? "learned" : "text",
    ...(weight > 0 && weight !== 1 ? ["partly"] : []),
    ...(kind === "control" ? ["control"] : []),
  ];
  const place = end > start ? `, ${end - start === 1 ? `token ${start}` : `tokens ${start} to ${end - 1}`}` : "";
  const badge = weight > 0 && weight !== 1 && endsRun ? `<span class="weight">&times;${short(weight)}</span>` : "";
  return `<span class="${classes.join(" ")}" title="${escape(`${stateWords(weight)}: ${reason} (${kind}${place})`)}">${visibleText(text)}${badge}</span>`;
}

/** Each rule once, with the number of tokens that it decided. */
function reasons(spans: readonly PreviewSpan[], weights: readonly number[]): string {
  const counts = new Map<string, { weight: number; reason: string; tokens: number }>();
  for (const span of spans) {
    const weight = weightOf(span, weights);
    const key = `${weight} ${span.reason}`;
    const entry = counts.get(key) ?? { weight, reason: span.reason, tokens: 0 };
    entry.tokens += span.end - span.start;
    counts.set(key, entry);
  }
  return [...counts.values()]
    .map(({ weight, reason, tokens }) => `<p class="why"><b>${stateWords(weight)}</b> (${tokens}): ${escape(reason)}</p>`)
    .join("");
}

function trainedTokens({ weights }: PreviewRow): number {
  return weights.filter((weight) => weight > 0).length;
}
