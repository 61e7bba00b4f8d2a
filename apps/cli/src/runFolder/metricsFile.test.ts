import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testFolder } from "../testing/testFolder.ts";
import { appendMetrics, rewindMetrics } from "./metricsFile.ts";

test("rewinding drops later steps and a line that a crash cut short", async () => {
  const path = join(await testFolder(), "metrics.jsonl");
  await rewindMetrics(path, -1);
  for (const step of [1, 2, 3]) await appendMetrics(path, { step, loss: step / 10 });
  await appendMetrics(path, { step: 2, eval_loss: 0.5 });
  await writeFile(path, `${await readFile(path, "utf8")}{"step":4,"lo`);
  await rewindMetrics(path, 2);
  expect(await readFile(path, "utf8")).toBe('{"step":1,"loss":0.1}\n{"step":2,"loss":0.2}\n{"step":2,"eval_loss":0.5}\n');
});
