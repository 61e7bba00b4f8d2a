import type { RecordFormat } from "@sft/templates";
import { loadTokenizer } from "@sft/tokenizer/node";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { prepareRun } from "../run/prepareRun.ts";
import { runRemarks } from "../run/runRemarks.ts";
import { resolveRunConfig } from "../runConfig/resolveRunConfig.ts";
import { runConfigKeys, runConfigSchema } from "../runConfig/schema.ts";
import { toTrainingSettings } from "../runConfig/toTrainingSettings.ts";
import { dictionary } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import { lookAtRows } from "./lookAtRows.ts";
import { type Method, methods, proposeSettings } from "./proposeSettings.ts";
import { recipeText } from "./recipeText.ts";

const rowOf: Readonly<Record<RecordFormat, (number: number) => unknown>> = {
  alpaca: (n) => ({ instruction: "Count.", input: `to ${n}`, output: `One, then ${n}.` }),
  "prompt-completion": (n) => ({ prompt: `Count to ${n}.\n`, completion: `One, then ${n}.` }),
  messages: (n) => ({
    messages: [
      { role: "user", content: `Count to ${n}.` },
      { role: "assistant", content: `One, then ${n}.` },
    ],
  }),
  sharegpt: (n) => ({
    conversations: [
      { from: "human", value: `Count to ${n}.` },
      { from: "gpt", value: `One, then ${n}.` },
    ],
  }),
  text: (n) => ({ text: `One, then two, then ${n}.` }),
};
const formats = Object.keys(rowOf) as RecordFormat[];

/** A recipe for four rows of a format, written where `prepare` finds them. */
async function recipeFor(
  method: Method,
  rows: readonly unknown[],
  uncomment = false,
): Promise<{ text: string; path: string; folder: string }> {
  const folder = await testFolder();
  const data = join(folder, "rows.jsonl");
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join("\n"));
  const seen = await lookAtRows([{ path: data }], await loadTokenizer(dictionary.model), 1000);
  const { values, remarks } = proposeSettings(method, seen, 512);
  const written = recipeText(method, {
    remarks,
    values: { ...values, base_model: dictionary.model, datasets: [{ path: "rows.jsonl" }], output_dir: join(folder, "run") },
  });
  const text = uncomment ? written.replaceAll(/^# (?=[a-z_0-9]+: )/gm, "") : written;
  const path = join(folder, "sft.yaml");
  await writeFile(path, text);
  return { text, path, folder };
}

const count = (format: RecordFormat, rows: number): unknown[] => Array.from({ length: rows }, (_, index) => rowOf[format](index + 3));

describe("a recipe is read back, and its run prepared, without a warning", () => {
  test.each(formats.flatMap((format) => methods.map((method) => [format, method] as const)))("%s, %s", async (format, method) => {
    const { path, folder } = await recipeFor(method, count(format, 4));
    const { config, notices } = await resolveRunConfig(path, {}, folder);
    expect(notices).toEqual([]);
    const isConversation = format === "messages" || format === "sharegpt";
    const template = { alpaca: "alpaca", "prompt-completion": "default", text: "text", messages: "tokenizer", sharegpt: "tokenizer" }[
      format
    ];
    expect(config).toMatchObject({
      adapter: method === "full" ? "none" : "lora",
      load_in_4bit: method === "qlora",
      learning_rate: method === "full" ? 2e-5 : 2e-4,
      chat_template: template,
      train_on: isConversation || format === "text" ? "assistant" : "completion",
      val_set_size: 0.05,
      // The alpaca style's own words take some 60 tokens.
      sequence_len: format === "alpaca" ? 128 : 64,
      sample_prompts: format === "text" ? 0 : 4,
    });
    const prepared = await prepareRun(config);
    await prepared.opened.folder.close();
    const { training, trainRows, heldOutRows } = prepared;
    expect([trainRows.length, heldOutRows.length, training.losses, training.cautions]).toEqual([3, 1, [], []]);
    expect(runRemarks(config, toTrainingSettings(config, 3), 1)).toEqual([]);
  });
});

test.each(methods)("every key of the %s recipe is one of the schema, shown with its default where it has one", async (method) => {
  const { text } = await recipeFor(method, count("alpaca", 4));
  const everything = await recipeFor(method, count("alpaca", 4), true);
  const { config, notices } = await resolveRunConfig(everything.path, {}, everything.folder);
  expect(notices).toEqual([]);
  const defaults = runConfigSchema.parse({ base_model: "m", datasets: "d" });
  const commented = [...text.matchAll(/^# ([a-z_0-9]+): /gm)].map(([, key]) => key as (typeof runConfigKeys)[number]);
  expect(commented.length).toBeGreaterThan(10);
  for (const key of commented) {
    expect(runConfigKeys).toContain(key);
    if (defaults[key] === undefined) expect(config[key], key).toBeDefined();
    else expect(config[key], key).toEqual(defaults[key]);
  }
});

describe("what the rows say", () => {
  test("a row longer than the model: the model's positions, and a word about what is lost", async () => {
    const { text } = await recipeFor("lora", [...count("alpaca", 3), { instruction: "Count.", output: "one two three ".repeat(300) }]);
    expect(text).toMatch(/^# the 4 rows have up to \d{3,} tokens, .*; 1 of them pass the model's 512 positions; longer rows are dropped/m);
    expect(text).toMatch(/^sequence_len: 512 /m);
  });

  test("two record formats: one template for both, each with its own mask", async () => {
    const { text, path, folder } = await recipeFor("lora", [...count("alpaca", 2), ...count("messages", 2)]);
    expect(text).toContain("# the rows' formats (alpaca, messages) need one template for all:\nchat_template: tokenizer ");
    const { config } = await resolveRunConfig(path, {}, folder);
    const { training, opened } = await prepareRun(config);
    await opened.folder.close();
    expect([training.policy, training.rows.length]).toEqual(["completion+assistant", 4]);
  });

  test("rows without a token to train", async () => {
    const { text } = await recipeFor("lora", [{ messages: [{ role: "user", content: "Hello?" }] }]);
    expect(text).toContain("# this trains no token of the rows that were looked at; sft preview shows why:\ntrain_on: assistant ");
    expect(text).toContain("\n# val_set_size: 0 ");
  });

  test("rows behind the first ones are not read; a single row leaves none to hold out", async () => {
    const folder = await testFolder();
    const data = join(folder, "rows.jsonl");
    await writeFile(data, `${JSON.stringify(rowOf.alpaca(1))}\n${JSON.stringify(rowOf.alpaca(2))}\n{"broken`);
    const seen = await lookAtRows([{ path: data }], undefined, 1);
    expect(seen).toEqual({
      formats: ["alpaca"],
      count: 1,
      all: false,
      template: "alpaca",
      needsOneTemplate: false,
      policy: "completion",
      encoded: undefined,
    });
    expect(proposeSettings("lora", seen, undefined).values).not.toHaveProperty("val_set_size");
    const many = { ...seen, count: 1000 };
    expect(proposeSettings("lora", many, undefined).values).toMatchObject({ val_set_size: 200, num_epochs: 1 });
  });
});
