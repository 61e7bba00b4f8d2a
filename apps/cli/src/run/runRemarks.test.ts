import { expect, test } from "vitest";
import { runConfigSchema, type RunConfig } from "../runConfig/schema.ts";
import { toTrainingSettings } from "../runConfig/toTrainingSettings.ts";
import { runRemarks } from "./runRemarks.ts";

const remarksOf = (changes: Partial<RunConfig>, heldOutRows: number): string[] => {
  const config = runConfigSchema.parse({ base_model: "m", datasets: "rows.json", ...changes });
  return runRemarks(config, toTrainingSettings(config, 100), heldOutRows);
};

test("settings without effect are named", () => {
  expect(remarksOf({}, 0)).toEqual([]);
  expect(remarksOf({ eval_steps: 5, sample_prompts: 2, warmup_steps: 3 }, 10)).toEqual([]);
  expect(remarksOf({ eval_steps: 5, sample_prompts: 2 }, 0)).toEqual([
    "no rows are held out, so eval_steps and sample_prompts do nothing: give test_datasets or val_set_size",
  ]);
  expect(remarksOf({ max_steps: 10, warmup_ratio: 1 }, 0)).toEqual([
    "warmup_steps 10 last as long as the run's 10 steps: the learning rate does not reach 0.0002",
  ]);
});
