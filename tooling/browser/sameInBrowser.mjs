// Headless Chromium imports the built packages from a local server and must give what Node gives, for 50 real rows.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasChromium, startChromium } from "@sft/chromium";
import { encodeRows } from "./encodeRows.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const templates = createRequire(join(root, "packages/templates/package.json"));
const modules = {
  "@sft/mask": join(root, "packages/mask/dist/index.js"),
  "@sft/templates": join(root, "packages/templates/dist/index.js"),
  "@sft/tokenizer": join(root, "packages/tokenizer/dist/index.js"),
  zod: join(templates.resolve("zod/package.json"), "../index.js"),
};
const dictionary = join(root, "apps/cli/dictionary");
const [tokenizerJson, tokenizerConfig, instructions, chats] = await Promise.all(
  ["model/tokenizer.json", "model/tokenizer_config.json", "data/dictionary-test.json", "data/dictionary-chat.jsonl"].map((file) =>
    readFile(join(dictionary, file), "utf8"),
  ),
);
const input = {
  tokenizerJson: JSON.parse(tokenizerJson),
  tokenizerConfig: JSON.parse(tokenizerConfig),
  rows: [
    ...JSON.parse(instructions).slice(0, 25),
    ...chats
      .split("\n")
      .slice(0, 25)
      .map((line) => JSON.parse(line)),
  ],
};

if (!hasChromium) {
  console.log("skipped: the Chromium that the tests bring along is built for Linux on x64");
} else {
  const inNode = encodeRows(input);
  const inBrowser = await answerOfBrowser();
  assert.deepEqual(inBrowser.error, undefined);
  assert.equal(inBrowser.rows.length, 50);
  assert.deepEqual(inBrowser.rows, inNode);
  assert.ok(inNode.every(({ weights }) => weights.includes(0) && weights.includes(1)));
  const tokens = inNode.reduce((sum, { ids }) => sum + ids.length, 0);
  console.log(`50 rows, ${tokens} tokens: ids and weights in ${inBrowser.agent} equal those in Node ${process.version}`);
}

/** Serves the page, opens it, and waits for what it says. */
async function answerOfBrowser() {
  const server = createServer((request, response) => void serve(request, response));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const browser = await startChromium();
  try {
    const page = await browser.open();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return await page.until("globalThis.answer", 60_000);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

async function serve(request, response) {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  if (pathname === "/") send(response, "text/html", pageText());
  else if (pathname === "/input.json") send(response, "application/json", JSON.stringify(input));
  else if (pathname === "/encodeRows.mjs") send(response, "text/javascript", await readFile(new URL("encodeRows.mjs", import.meta.url)));
  else await sendModule(response, decodeURIComponent(pathname));
}

/** "/modules/NAME/FILE": a file beside the entry of a package. */
async function sendModule(response, pathname) {
  const name = Object.keys(modules).find((one) => pathname.startsWith(`/modules/${one}/`));
  const file = name && join(modules[name], "..", pathname.slice(`/modules/${name}/`.length));
  if (!file || !existsSync(file)) return void response.writeHead(404).end();
  send(response, "text/javascript", await readFile(file));
}

function send(response, type, body) {
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
}

function pageText() {
  const imports = Object.fromEntries(Object.keys(modules).map((name) => [name, `/modules/${name}/index.js`]));
  return `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script><script type="module">
const answer = { agent: navigator.userAgent.match(/Chrome\\/[\\d.]+/)?.[0] };
try {
  const { encodeRows } = await import("/encodeRows.mjs");
  answer.rows = encodeRows(await (await fetch("/input.json")).json());
} catch (error) { answer.error = String(error.stack ?? error); }
globalThis.answer = answer;
</script>`;
}
