import { loadTokenizer } from "@sft/tokenizer/node";
import { expect, test } from "vitest";
import { chooseTemplate } from "../rows/chooseTemplate.ts";
import { type EncodedRow, encodeRows } from "../rows/encodeRows.ts";
import { dictionary } from "../testing/runSft.ts";
import { promptsOfRows } from "./answerPrompts.ts";

const tokenizer = await loadTokenizer(dictionary.model);

async function someRows(path: string, count: number, mask?: string): Promise<EncodedRow[]> {
  const templateFor = await chooseTemplate(undefined, tokenizer);
  const rows: EncodedRow[] = [];
  for await (const row of encodeRows([{ path }], { tokenizer, templateFor, mask })) if (rows.push(row) === count) break;
  return rows;
}

test.each([
  ["instructions", dictionary.test, undefined],
  ["instructions as LitGPT encodes them", dictionary.test, "litgpt"],
  ["conversations", dictionary.chat, undefined],
])("what generate asks is how the training row begins, and the first token after it is trained: %s", async (_, path, mask) => {
  const rows = await someRows(path, 60, mask);
  expect(rows).toHaveLength(60);
  promptsOfRows(rows, tokenizer, mask).forEach((prompt, i) => {
    const { ids, weights } = rows[i]!.example;
    expect([...prompt]).toEqual([...ids.subarray(0, prompt.length)]);
    expect([weights[prompt.length - 1], weights[prompt.length]]).toEqual([0, 1]);
  });
});

test("a prompt that is not the row's beginning is refused by token", async () => {
  const [row] = await someRows(dictionary.test, 1);
  const other = await chooseTemplate("chatml", tokenizer);
  expect(() => promptsOfRows([{ ...row!, chosen: other("alpaca") }], tokenizer)).toThrow(
    expect.objectContaining({ code: "prompt-not-prefix" }),
  );
});
