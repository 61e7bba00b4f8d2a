// Headless Chromium imports the built packages from a local server and must give what Node gives, for 50 real rows.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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

if (process.platform !== "linux" || process.arch !== "x64") {
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

/** Serves the page, opens it, and waits for what it posts back. */
async function answerOfBrowser() {
  const { promise, resolve, reject } = Promise.withResolvers?.() ?? deferred();
  const server = createServer((request, response) => void serve(request, response, resolve));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const profile = await mkdtemp(join(tmpdir(), "sft-chromium-"));
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--no-zygote",
  ];
  const silent = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
  const page = `http://127.0.0.1:${server.address().port}/`;
  const browser = spawn(await chromiumPath(), [...flags, ...silent, `--user-data-dir=${profile}`, "--remote-debugging-port=0", page]);
  let said = "";
  browser.stderr.on("data", (text) => (said += text));
  browser.on("error", reject);
  browser.on("exit", (code) => reject(new Error(`Chromium ended with ${code} before the page answered:\n${said.slice(-2000)}`)));
  const timer = setTimeout(() => reject(new Error(`The page did not answer within 60 seconds:\n${said.slice(-2000)}`)), 60_000);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    browser.kill("SIGKILL");
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

/** Debian's Chromium where it is installed, else the one of npm. */
async function chromiumPath() {
  const installed = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
  if (installed) return installed;
  const { default: chromium } = await import("@sparticuz/chromium");
  return chromium.executablePath();
}

async function serve(request, response, answered) {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  if (request.method === "POST") {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.end();
    answered(JSON.parse(Buffer.concat(chunks).toString()));
  } else if (pathname === "/") send(response, "text/html", pageText());
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
await fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
</script>`;
}
