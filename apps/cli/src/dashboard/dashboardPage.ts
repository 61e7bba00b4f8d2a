import { curvePage } from "../curvePage.ts";
import { escape } from "../preview/htmlPage.ts";

/** The dashboard's only page; what it lists comes from its server. @param folder as the user named it */
export function dashboardPage(folder: string): Promise<string> {
  const heads = ["run", "state", "step", "loss", "held-out loss", "tokens/s", "time left", "last change"];
  const cells = heads.map((text, index) => `<th scope="col"${index > 1 ? ' class="number"' : ""}>${text}</th>`).join("");
  return curvePage({
    title: `sft dashboard: ${folder}`,
    generator: "sft dashboard",
    script: "dashboard",
    data: { folder },
    body: `<header><h1>Runs <span class="muted">${escape(folder)}</span></h1></header>
<main><noscript><p>This page needs JavaScript; <code>sft report</code> tells of a run without.</p></noscript><p id="note" class="muted" role="status"></p>
<div class="wide runs"><table><thead><tr>${cells}</tr></thead><tbody></tbody></table></div>
<div id="curves"></div></main>`,
  });
}
