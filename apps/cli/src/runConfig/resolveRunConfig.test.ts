import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliError } from "../failure/cliError.ts";
import { resolveRunConfig, type ResolvedRunConfig } from "./resolveRunConfig.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sft-config-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function resolveText(text: string, flags: Record<string, string | boolean> = {}): Promise<ResolvedRunConfig> {
  await writeFile(join(folder, "recipe.yaml"), text);
  return resolveRunConfig("recipe.yaml", flags, folder);
}

async function failureOf(text: string, flags?: Record<string, string | boolean>): Promise<string> {
  const error: unknown = await resolveText(text, flags).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CliError);
  expect(error).toMatchObject({ code: "bad-config", usage: true });
  return (error as CliError).message.replaceAll(join(folder, "recipe.yaml"), "recipe.yaml");
}

const minimal = "base_model: model\ndatasets:\n  - path: rows.json\n";

describe("a recipe", () => {
  test("has defaults, and paths that it reads stand beside it", async () => {
    const { config, notices } = await resolveText(minimal);
    expect(config).toMatchObject({
      base_model: join(folder, "model"),
      datasets: [{ path: join(folder, "rows.json") }],
      learning_rate: 2e-4,
      adapter: "lora",
      output_dir: join(folder, "runs/sft"),
    });
    expect(notices).toEqual([]);
  });

  test("is overridden by flags, whose text is read as YAML reads it", async () => {
    const { config } = await resolveText(`${minimal}learning_rate: 2e-3\nnum_epochs: 3\n`, {
      learning_rate: "1e-3",
      max_steps: "10",
      lora_target_modules: "q_proj,v_proj",
    });
    expect(config).toMatchObject({ learning_rate: 1e-3, max_steps: 10, lora_target_modules: ["q_proj", "v_proj"] });
    expect(config.num_epochs).toBeUndefined();
  });

  test("may be flags alone, whose paths stand in the working directory", async () => {
    const { config } = await resolveRunConfig(undefined, { base_model: "m", datasets: "a.json, b.json" }, folder);
    expect(config).toMatchObject({
      base_model: join(folder, "m"),
      datasets: [{ path: join(folder, "a.json") }, { path: join(folder, "b.json") }],
    });
  });

  test.each(["a.json", "[a.json]", "{ path: a.json }", "[{ path: a.json }]"])("takes a data set as %s", async (datasets) => {
    const { config } = await resolveText(`base_model: model\ndatasets: ${datasets}\ntest_datasets: ${datasets}\n`);
    const set = { path: join(folder, "a.json") };
    expect([config.datasets, config.test_datasets]).toEqual([[set], [set]]);
  });

  test("says what columns are called, file by file; the flag says it for all", async () => {
    const named = `${minimal}    columns: { instruction: question, output: answer }\n  - path: more.json\n`;
    const { datasets } = (await resolveText(named)).config;
    expect(datasets.map(({ columns }) => columns)).toEqual([{ instruction: "question", output: "answer" }, undefined]);
    const { config } = await resolveText(named, { columns: "prompt=q,completion=a", test_datasets: "held-out.json" });
    const all = [...config.datasets, ...config.test_datasets!];
    expect(all.map(({ columns }) => columns?.prompt)).toEqual(["q", "q", "q"]);
  });

  test("takes the names of LitGPT, TRL and Axolotl, and says so", async () => {
    const { config, notices } = await resolveText(
      "checkpoint_dir: model\ntrain_file: rows.json\nper_device_train_batch_size: 8\ntrain_on_inputs: true\nmask_prompt: true\nlr_warmup_steps: 5\n",
    );
    expect(config).toMatchObject({ base_model: join(folder, "model"), micro_batch_size: 8, train_on: "all", warmup_steps: 5 });
    expect(notices).toContain("checkpoint_dir is read as base_model");
    expect(notices).toContain("train_on_inputs is read as train_on: all");
    expect(notices).toContain("mask_prompt: true is the default here");
  });
});

describe("what a user wrote is what is meant", () => {
  test("takes a plain name of --lora-target-modules as the ending of a name, not as a pattern of a whole one", async () => {
    const targets = async (text: string): Promise<unknown> =>
      (await resolveText(minimal, { lora_target_modules: text })).config.lora_target_modules;
    expect(await targets("q_proj")).toEqual(["q_proj"]);
    expect(await targets("all-linear")).toBe("all-linear");
    expect(await targets(".*(q|v)_proj")).toBe(".*(q|v)_proj");
  });

  test("takes the text of a flag whole where a text is meant", async () => {
    const { config } = await resolveText(minimal, { output_dir: "run #2", base_model: "2024", learning_rate: "1e-3" });
    expect(config).toMatchObject({ output_dir: join(folder, "run #2"), base_model: join(folder, "2024"), learning_rate: 1e-3 });
  });

  test("says which of two names for one thing is left out, and what says nothing here", async () => {
    const { config, notices } = await resolveText(
      `${minimal}learning_rate: 2e-3\nlr: 1e-3\nmax_length: 64\nmax_seq_length: 32\nassistant_only_loss: false\ncompletion_only_loss: false\n`,
    );
    expect(config).toMatchObject({ learning_rate: 2e-3, sequence_len: 64, train_on: "all" });
    expect(notices).toEqual([
      "lr is left out: learning_rate is given, and both mean learning_rate",
      "max_length is read as sequence_len",
      "max_seq_length is left out: max_length is given, and both mean sequence_len",
      "assistant_only_loss: false changes nothing here",
      "completion_only_loss is read as train_on: all",
    ]);
  });
});

describe("errors name file, line, column and key", () => {
  test.each([
    ["an unknown key", `${minimal}max_stpes: 3\n`, "recipe.yaml:4:1: unknown key max_stpes. Did you mean max_steps?"],
    ["an unknown key inside a data set", `${minimal}    typ: alpaca\n`, "recipe.yaml:4:5: unknown key datasets.0.typ. Did you mean type?"],
    [
      "a field that no format reads",
      `${minimal}    columns: { instuction: question }\n`,
      "recipe.yaml:4:16: unknown key datasets.0.columns.instuction. Did you mean instruction?",
    ],
    [
      "Axolotl's names of columns",
      `${minimal}    type: { field_instruction: question }\n`,
      "recipe.yaml:4:11: datasets.0.type: expected a format's name. Columns are named by columns, as in columns: { instruction: question, output: answer }.",
    ],
    [
      "a wrong type",
      `${minimal}learning_rate: fast\n`,
      'recipe.yaml:4:16: learning_rate: invalid input: expected number, received string, got "fast".',
    ],
    ["a number out of range", `${minimal}lora_r:   0\n`, "recipe.yaml:4:11: lora_r: too small: expected number to be >0, got 0."],
    ["a word that is none", `${minimal}lr_scheduler: cosine_\n`, "Did you mean cosine?"],
    [
      "a mask that is none",
      `${minimal}train_on: completions\n`,
      'recipe.yaml:4:11: train_on: Expected the name of a mask policy or preset, got "completions"',
    ],
    [
      "a template that is none",
      `${minimal}chat_template: alpca\n`,
      'recipe.yaml:4:16: chat_template: No template is called "alpca". Did you mean "alpaca"?',
    ],
    [
      "a word for a switch",
      `${minimal}mask_prompt: no\n`,
      'recipe.yaml:4:14: train_on: Expected the name of a mask policy or preset, got "no"',
    ],
    ["a data set of another type", "base_model: m\ndatasets: [3]\n", "recipe.yaml:2:12: datasets.0: invalid input: expected object"],
    ["a key that is missing", "datasets: rows.json\n", "recipe.yaml: base_model is missing: folder of the base model"],
    ["a wrong value under an alias", `${minimal}lr: -1\n`, "recipe.yaml:4:5: learning_rate: too small"],
    ["rivals", `${minimal}warmup_steps: 1\nwarmup_ratio: 0.1\n`, "recipe.yaml:5:15: both warmup_steps and warmup_ratio are given."],
    ["a decay that rises", `${minimal}min_lr: 1\n`, "recipe.yaml:4:9: min_lr 1 is larger than learning_rate 0.0002."],
    ["bad YAML", "base_model: [model\n", "recipe.yaml:2:1: not valid YAML"],
    ["no mapping", "- a\n- b\n", "recipe.yaml: expected keys and values, found a list."],
  ])("%s", async (_, text, expected) => {
    expect(await failureOf(text)).toContain(expected);
  });

  test("several at once", async () => {
    const message = await failureOf(`${minimal}lora_r: 0\nlora_alfa: 3\n`);
    expect(message).toContain("recipe.yaml:4:9: lora_r");
    expect(message).toContain("recipe.yaml:5:1: unknown key lora_alfa. Did you mean lora_alpha?");
  });

  test("a flag is named as a flag", async () => {
    expect(await failureOf(minimal, { lora_r: "none" })).toContain(
      '--lora-r: lora_r: invalid input: expected number, received string, got "none".',
    );
  });

  test("a recipe that is not there", async () => {
    await expect(resolveRunConfig("nowhere.yaml", {}, folder)).rejects.toThrow(
      `${join(folder, "nowhere.yaml")}: expected a recipe, but there is no such file.`,
    );
  });
});
