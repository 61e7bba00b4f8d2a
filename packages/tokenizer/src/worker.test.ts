import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { tokenizerFolder } from "@sft/fixtures";
import { expect, test } from "vitest";
import type { Encoding } from "./index.ts";
import { loadTokenizer } from "./node.ts";

test("loads and encodes in a worker as it does here", async () => {
  const golden = JSON.parse(readFileSync(new URL("../golden/llama2.json", import.meta.url), "utf8")) as { encodings: { text: string }[] };
  const texts = golden.encodings.map(({ text }) => text);
  const folder = tokenizerFolder("llama2");
  const entry = new URL("./testing/encodeInWorker.ts", import.meta.url).href;
  // Node 20 runs no TypeScript in a worker by itself.
  const boot = `import("tsx/esm/api").then(({ register }) => { register(); return import(${JSON.stringify(entry)}); })`;
  const worker = new Worker(boot, { eval: true, workerData: { folder, texts } });
  const encodings = await new Promise<Encoding[]>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  const here = await loadTokenizer(folder);
  expect(encodings).toEqual(texts.map((text) => here.encode(text)));
});
