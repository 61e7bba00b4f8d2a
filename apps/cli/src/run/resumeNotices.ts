import type { TrainingSettings } from "@sft/trainer";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import type { RunConfig } from "../runConfig/schema.ts";
import { recipeKeyOf } from "../runConfig/toTrainingSettings.ts";
import { runFiles } from "../runFolder/runFolder.ts";

/** Settings that decide when something is measured or written, not what is trained. */
const harmless: ReadonlySet<string> = new Set(["evalSteps", "saveSteps"]);

/** Keys that decide what is trained and that the trainer does not know: the run's config.yaml tells what they were. */
const recipeOnly = [
  "base_model",
  "tokenizer",
  "datasets",
  "test_datasets",
  "val_set_size",
  "chat_template",
  "train_on",
  "sequence_len",
  "truncation",
  "sample_packing",
  "load_in_4bit",
  "frozen_weights",
  "lora_alpha",
  "lora_dropout",
  "lora_rank_pattern",
  "lora_alpha_pattern",
  "use_rslora",
  "use_dora",
  "precision",
] as const satisfies readonly (keyof RunConfig)[];

/**
 * One sentence for each setting that a resumed run changes, under its recipe's name: such a run goes on from where it
 * was, but is no longer the run that was begun. What cannot be read says nothing here; the trainer refuses it.
 */
export async function resumeNotices(checkpoint: string, config: RunConfig, settings: TrainingSettings): Promise<string[]> {
  const saved = await savedSettings(checkpoint);
  const recipe = await savedRecipe(join(dirname(checkpoint), runFiles.config));
  return [
    ...Object.entries(settings)
      .filter(([name, value]) => name in saved && !harmless.has(name) && !isSame(saved[name], value))
      .map(([name, value]) => notice(recipeKeyOf(name), value, saved[name])),
    ...recipeOnly.filter((key) => recipe && !isSame(recipe[key], config[key])).map((key) => notice(key, config[key], recipe![key])),
  ];
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function notice(key: string, now: unknown, then: unknown): string {
  const show = (value: unknown): string => (value === undefined ? "left out" : typeof value === "string" ? value : JSON.stringify(value));
  return `${key} is ${show(now)} from here on; the saved run had ${then === undefined ? "none" : show(then)}`;
}

async function savedSettings(checkpoint: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const state = JSON.parse(await readFile(join(checkpoint, "trainer_state.json"), "utf8")) as { settings?: Record<string, unknown> };
    return state.settings ?? {};
  } catch {
    return {};
  }
}

async function savedRecipe(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const recipe: unknown = parse(await readFile(path, "utf8"));
    return typeof recipe === "object" && recipe !== null ? (recipe as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
