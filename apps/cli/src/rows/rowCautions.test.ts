import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { loadTokenizer } from "@sft/tokenizer/node";
import type { TruncationStrategy } from "@sft/mask";
import { dictionary } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import type { TrainingRow } from "./encodeRows.ts";
import { chooseTemplate } from "./chooseTemplate.ts";
import { readTrainingRows } from "./trainingRows.ts";

async function readTwice(
  row: unknown,
  template: string | undefined,
  maxLength = 512,
  truncation?: TruncationStrategy,
): Promise<{ readonly cautions: readonly string[]; readonly losses: readonly string[]; readonly rows: readonly TrainingRow[] }> {
  const path = join(await testFolder(), "rows.jsonl");
  await writeFile(path, `${JSON.stringify(row)}\n`.repeat(2));
  const tokenizer = await loadTokenizer(dictionary.model);
  const templateFor = await chooseTemplate(template, tokenizer);
  const { cautions, losses, rows } = await readTrainingRows([{ path }], {
    tokenizer,
    templateFor,
    maxLength,
    lengthIsChosen: true,
    truncation,
  });
  return { cautions: cautions.map((text) => text.replace(path, "rows.jsonl")), losses, rows };
}
const cautionsOf = async (...row: Parameters<typeof readTwice>): Promise<readonly string[]> => (await readTwice(...row)).cautions;

const call = { type: "function", function: { name: "weather", arguments: "{}" } };
const conversation = [
  { role: "user", content: "Is it sunny?" },
  { role: "assistant", content: null, tool_calls: [call] },
];

test("a run says where its rows teach something else than they say", async () => {
  expect(await cautionsOf({ messages: conversation }, "tokenizer")).toEqual([
    'template-omits: 2 rows, the first is rows.jsonl:1: row 1: Template "tokenizer" leaves out the tool calls of message 1.',
  ]);
  const withInput = { instruction: "Translate.", input: "bonjour", output: "good morning" };
  expect(await cautionsOf(withInput, "llama3")).toEqual([expect.stringContaining("leaves the row's input out")]);
  expect(await cautionsOf({ ...withInput, output: "" }, undefined)).toEqual([expect.stringContaining("trained to say nothing")]);
  expect(await cautionsOf({ ...withInput, output: "good morning ".repeat(99) }, undefined, 100, "right")).toEqual([
    expect.stringContaining("such an answer teaches no end"),
    expect.stringContaining("Truncation cut trained answer tokens"),
  ]);
  expect(await cautionsOf({ ...withInput, output: "caf\ufffd" }, undefined)).toEqual([expect.stringContaining("lost-character: 2 rows")]);
  expect(await cautionsOf(withInput, undefined)).toEqual([]);
});

test("a run names the fields that nothing reads, once a row", async () => {
  const { losses } = await readTwice(
    { system: "Be terse.", messages: [...conversation, ...conversation], id: 7 },
    undefined,
    60,
    "splitTurns",
  );
  expect(losses.at(-1)).toBe("fields that nothing reads: system (2 rows), id (2 rows)");
  expect((await readTwice({ instruction: "q", input: "", output: "a", source: "" }, undefined)).losses).toEqual([]);
});

test("rows for training keep nothing that only explains them: a hundred thousand would fill the memory", async () => {
  const { rows } = await readTwice({ instruction: "q", input: "i", output: "a" }, undefined);
  expect(rows).toHaveLength(2);
  for (const row of rows) {
    expect(row).not.toHaveProperty("rendering");
    expect(row.example.spans).toEqual([]);
  }
});
