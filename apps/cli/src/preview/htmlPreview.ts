import type { PreviewRow, PreviewSpan } from "./previewRow.ts";

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1d2126, #e4e7ea); --paper: light-dark(#fff, #15181b); --muted: light-dark(#6b737c, #8b949e);
  --line: light-dark(#dfe3e7, #2c3238); --trained: light-dark(#d3f2dc, #14422a); --edge: light-dark(#1b7f43, #4ccb82); --control: light-dark(#f0e3fb, #38224d); --warn: light-dark(#8a5a00, #e3b341); }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } header p, .figures { color: var(--muted); margin: .25rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: 1rem 0; font-size: .9rem; }
article { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .75rem 1rem; } h2 { font-size: 1rem; margin: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.9 ui-monospace, monospace; margin: .5rem 0; color: var(--muted); }
.trained { color: var(--ink); background: var(--trained); border-bottom: 2px solid var(--edge); } .control { background: var(--control); border-radius: 3px; padding: 0 2px; }
.trained.control { background: var(--trained); outline: 1px solid var(--edge); } .warning { color: var(--warn); margin: 0; font-size: .9rem; }
`;

/** A page that shows, colour by colour, which text of each row is trained; the reason is each span's tooltip. */
export function htmlPreview(
  rows: readonly PreviewRow[],
  settings: { readonly data: string; readonly template: string; readonly mask: string },
): string {
  const tokens = rows.reduce((sum, { ids }) => sum + ids.length, 0);
  const trained = rows.reduce((sum, row) => sum + trainedTokens(row), 0);
  const share = tokens === 0 ? 0 : (100 * trained) / tokens;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>sft preview: ${escape(settings.data)}</title><style>${style}</style>
<header><h1>What is trained in ${escape(settings.data)}</h1>
<p>${rows.length} rows, template ${escape(settings.template)}, mask ${escape(settings.mask)}. The model learns to write ${trained} of ${tokens} tokens (${share.toFixed(1)} %); it only reads the others.</p>
<div class="legend"><span class="trained">learned: counts in the loss</span><span>read only: no loss</span><span class="control">control token</span><span>Hold the pointer over a text to see why.</span></div></header>
<main>${rows.map(article).join("")}</main></html>
`;
}

function article(row: PreviewRow): string {
  const warnings = row.warnings.map(({ code, message }) => `<p class="warning">${escape(code)}: ${escape(message)}</p>`).join("");
  return `<article><h2>Row ${row.row}</h2><p class="figures">${row.ids.length} tokens, ${trainedTokens(row)} learned</p><pre>${row.spans.map(span).join("")}</pre>${warnings}</article>\n`;
}

function span({ text, trained, kind, role, reason, start, end }: PreviewSpan): string {
  const classes = [...(trained ? ["trained"] : []), ...(kind === "control" ? ["control"] : [])].join(" ");
  const title = `${trained ? "learned" : "read only"}: ${reason} (${role ?? "template"}, ${kind}, tokens ${start} to ${end - 1})`;
  return `<span${classes ? ` class="${classes}"` : ""} title="${escape(title)}">${escape(text).replaceAll("\n", "↵\n")}</span>`;
}

function trainedTokens({ weights }: PreviewRow): number {
  return weights.filter((weight) => weight > 0).length;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
