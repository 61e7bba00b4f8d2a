import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dictionary, runSft } from "../testing/runSft.ts";

test("sft eval gives PyTorch's held-out loss of the dictionary model", async () => {
  const { stdout, stderr } = await runSft([
    "eval",
    "--model",
    dictionary.model,
    "--data",
    dictionary.test,
    "--template",
    "alpaca",
    "--backend",
    "cpu",
    "--json",
  ]);
  expect(stderr).toBe("");
  const reference = JSON.parse(await readFile(join(dictionary.model, "reference-finetune.json"), "utf8")) as {
    test_loss: { lora: [string, number][] };
  };
  const [, expected] = reference.test_loss.lora[0]!;
  // The reference is written with four digits; float32 sums over 4,738 tokens differ in the sixth.
  expect(Math.abs((JSON.parse(stdout) as { eval_loss: number }).eval_loss - expected)).toBeLessThan(1e-4);
});
