const style = `
:root { color-scheme: light dark; --ink: light-dark(#16191d, #eceff2); --paper: light-dark(#fff, #14171a); --muted: light-dark(#5d666f, #98a2ac);
  --line: light-dark(#d9dee3, #333a41); --learned: light-dark(#cfe4ff, #123a63); --edge: light-dark(#0b57c2, #6db1ff); --warn: light-dark(#8a4b00, #ffc069); }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 64rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; } h2 { font-size: 1rem; margin: 0; } p { margin: .25rem 0; }
.muted, .why, dt { color: var(--muted); } .why { font-size: .82rem; margin: .1rem 0 0; } .why b { color: var(--ink); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .75rem; margin: .5rem 0; font-size: .9rem; } dd { margin: 0; overflow-wrap: anywhere; }
.share { height: .5rem; max-width: 24rem; border: 1px solid var(--edge); border-radius: .25rem; overflow: hidden; } .share i { display: block; height: 100%; background: var(--edge); }
.legend { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .35rem 1.25rem; border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem; margin: .9rem 0; font-size: .88rem; }
article { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .75rem 1rem; }
.turn { display: grid; grid-template-columns: 6rem 1fr; gap: .1rem .75rem; padding: .45rem 0; border-top: 1px solid var(--line); } .turn:first-of-type { margin-top: .5rem; }
.turn > h3 { font-size: .8rem; font-weight: 600; margin: .2rem 0 0; overflow-wrap: anywhere; } .turn > div { min-width: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.75 ui-monospace, monospace; margin: 0; } code { font: .85em ui-monospace, monospace; }
.text { color: var(--muted); } .learned { color: var(--ink); background: var(--learned); border-bottom: 2px solid var(--edge); }
.partly { background: repeating-linear-gradient(-45deg, var(--learned) 0 6px, transparent 6px 9px); border-bottom-style: dashed; }
.control { outline: 1px solid var(--muted); outline-offset: -1px; border-radius: 3px; padding: 0 3px; } .weight { font: 600 .72rem system-ui; color: var(--edge); vertical-align: super; padding: 0 1px; }
.blank { color: var(--muted); font-style: normal; opacity: .75; } .end::before { content: "\\21b5"; } .tab::before { content: "\\2192"; }
.space { background: radial-gradient(circle, currentColor 1px, transparent 1.6px); } .hidden { border: 1px solid var(--muted); border-radius: 3px; font-size: .72em; padding: 0 2px; }
.warning { color: var(--warn); font-size: .9rem; } .warning::before { content: "\\26a0\\fe0e  "; }
@media (max-width: 36rem) { .turn { grid-template-columns: 1fr; } article { padding: .6rem .7rem; } }
@media print { body { max-width: none; } .learned { print-color-adjust: exact; } }
`;

/** A page of its own: no script, no other file. `settings` are shown above the legend. */
export function htmlPage(
  title: string,
  settings: readonly (readonly [name: string, value: string])[],
  summary: string,
  legend: string,
  body: string,
): string {
  const rows = settings.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join("");
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>sft preview: ${escape(title)}</title><style>${style}</style>
<header><h1>${escape(title)}</h1>${summary}<dl>${rows}</dl>${legend}</header>
<main>${body}</main></html>
`;
}

export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Line ends, tabs, spaces that are easily missed, and characters without a shape; but not the joiner that makes one emoji of several. */
const unseen = /^ +| +$| {2,}| +(?=\n)|[^\S ]|(?!\u200d)[\p{Cc}\p{Cf}\p{Cs}]/gu;

/** Text with its line ends, tabs, outer and repeated spaces and characters without a shape made visible; what is copied stays the text. */
export function visibleText(text: string): string {
  let out = "";
  let position = 0;
  for (const { 0: found, index } of text.matchAll(unseen)) {
    out += escape(text.slice(position, index)) + shown(found);
    position = index + found.length;
  }
  return out + escape(text.slice(position));
}

function shown(found: string): string {
  if (found === "\n") return '<i class="blank end"></i>\n';
  if (found === "\t") return '<i class="blank tab"></i>\t';
  if (found.startsWith(" ")) return [...found].map(() => '<i class="blank space"> </i>').join("");
  return `<i class="blank hidden">U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}</i>`;
}
