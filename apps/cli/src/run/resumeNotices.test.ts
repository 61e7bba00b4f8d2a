import { defaultSettings } from "@sft/trainer";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { runConfigSchema } from "../runConfig/schema.ts";
import { testFolder } from "../testing/testFolder.ts";
import { resumeNotices } from "./resumeNotices.ts";

const recipe = { base_model: "/model", datasets: [{ path: "/rows.jsonl" }] };
const config = runConfigSchema.parse(recipe);

test("a resumed run says which settings it changes, in the recipe's words", async () => {
  const run = await testFolder();
  const folder = join(run, "checkpoint-5");
  await mkdir(folder);
  const settings = { ...defaultSettings, maxSteps: 10, frozenParameters: ["lm_head"] };
  const then = { ...settings, learningRate: 1, schedule: "linear", saveSteps: 7 };
  await writeFile(join(folder, "trainer_state.json"), JSON.stringify({ settings: then }));
  const changes = [
    "learning_rate is 0.0002 from here on; the saved run had 1",
    "lr_scheduler is cosine from here on; the saved run had linear",
  ];
  expect(await resumeNotices(folder, config, settings)).toEqual(changes);

  // What the trainer does not know, and what therefore changed without a word, stands in the run's recipe.
  await writeFile(join(run, "config.yaml"), stringify(config));
  expect(await resumeNotices(folder, config, settings)).toEqual(changes);
  const changed = runConfigSchema.parse({ ...recipe, lora_alpha: 64, train_on: "all", datasets: "/others.jsonl" });
  expect(await resumeNotices(folder, changed, settings)).toEqual([
    ...changes,
    'datasets is [{"path":"/others.jsonl"}] from here on; the saved run had [{"path":"/rows.jsonl"}]',
    "train_on is all from here on; the saved run had none",
    "lora_alpha is 64 from here on; the saved run had 16",
  ]);
  expect(await resumeNotices(join(run, "nowhere/checkpoint-1"), changed, settings)).toEqual([]);
});
