import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOKENIZER_NAMES, tokenizerFolder } from "@sft/fixtures";
import { expect, test } from "vitest";
import { loadTokenizer } from "./node.ts";

// The oracle is the model folder with all its files.
test.each(TOKENIZER_NAMES)("tokenizer.json of %s alone names the same BOS and EOS as the whole folder", async (name) => {
  const folder = await mkdtemp(join(tmpdir(), "sft-tokenizer-"));
  await copyFile(join(tokenizerFolder(name), "tokenizer.json"), join(folder, "tokenizer.json"));
  const [alone, whole] = await Promise.all([loadTokenizer(folder), loadTokenizer(tokenizerFolder(name))]);
  await rm(folder, { recursive: true });
  // These two have a BOS by name that their post-processors never write.
  expect(alone.bos).toEqual(["gptoss", "deepseek_v3"].includes(name) ? null : whole.bos);
  expect(alone.eos).toEqual(whole.eos);
});
