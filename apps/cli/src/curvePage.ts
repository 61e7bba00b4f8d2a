import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { escape } from "./preview/htmlPage.ts";

const require = createRequire(import.meta.url);

/** What the pages are made of, beside this folder in the source and in the published package. */
const parts = {
  language: new URL("../page/language.js", import.meta.url),
  curves: new URL("../page/curves.js", import.meta.url),
  dashboard: new URL("../page/dashboard.js", import.meta.url),
  report: new URL("../page/report.js", import.meta.url),
  style: new URL("../page/page.css", import.meta.url),
};

export interface CurvePage {
  readonly title: string;
  /** Which verb wrote the page: a file that says so may be written again. */
  readonly generator: string;
  readonly body: string;
  /** Given to the page's script. */
  readonly data: unknown;
  readonly script: "report" | "dashboard";
}

/** A page with uPlot and the curves' code inside: when it is opened it may load nothing, save that the dashboard asks its own server. */
export async function curvePage({ title, generator, body, data, script }: CurvePage): Promise<string> {
  const { language, curves, [script]: own } = parts;
  const code = await Promise.all(
    [language, require.resolve("uplot/dist/uPlot.iife.min.js"), curves, own].map((part) => readFile(part, "utf8")),
  );
  const styles = await Promise.all([require.resolve("uplot/dist/uPlot.min.css"), parts.style].map((part) => readFile(part, "utf8")));
  const policy = [
    "default-src 'none'",
    "img-src data:",
    `script-src ${code.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ")}`,
    "style-src 'unsafe-inline'",
    ...(script === "dashboard" ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="generator" content="${generator}"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${policy}"><link rel="icon" href="data:,">
<title>${escape(title)}</title><style>${styles.join("\n")}</style>
<!-- The curves are drawn by uPlot, https://github.com/leeoniya/uPlot, MIT License, Copyright (c) 2022 Leon Sorokin. -->
${body}
<script type="application/json" id="data">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>
${code.map((text) => `<script>${text}</script>`).join("\n")}
</html>
`;
}
