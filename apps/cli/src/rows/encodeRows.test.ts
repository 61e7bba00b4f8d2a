import { findTemplate } from "@sft/templates";
import { loadTokenizer } from "@sft/tokenizer/node";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { promptIds } from "../samples/answerPrompts.ts";
import { testFolder } from "../testing/testFolder.ts";
import { encodeRow, encodeRows } from "./encodeRows.ts";

const dictionary = await loadTokenizer(fileURLToPath(new URL("../../dictionary/model", import.meta.url)));
const row = { instruction: "Define the noun 'love'.", input: "", output: "A strong positive emotion." };
const place = { file: "rows.json", row: 1 };
const alpaca = { type: "alpaca" } as const;
const chosen = { template: findTemplate("alpaca"), source: null };

describe("BOS", () => {
  it.each([true, false, undefined])("opens an alpaca row, and its prompt alike, where add_bos_token is %s", (addBosToken) => {
    const tokenizer = { ...dictionary, bos: { id: 1, text: "<|pad|>" }, addBosToken };
    const [{ example, conversation }] = encodeRow(row, place, alpaca, { tokenizer, templateFor: () => chosen }) as [
      ReturnType<typeof encodeRow>[number],
    ];
    expect(example.ids[0] === 1).toBe(addBosToken === true);
    expect([...example.ids].filter((id) => id === 1)).toHaveLength(addBosToken === true ? 1 : 0);
    expect(example.weights[0]).toBe(0);
    const prompt = promptIds(conversation, chosen, tokenizer);
    expect([...prompt]).toEqual([...example.ids.subarray(0, prompt.length)]);
  });

  it("is left to a model's own Jinja template", () => {
    const tokenizer = { ...dictionary, bos: { id: 1, text: "<|pad|>" }, addBosToken: true };
    const [one] = encodeRow(row, place, alpaca, { tokenizer, templateFor: () => ({ ...chosen, source: "{{ messages }}" }) });
    expect(one!.example.ids[0]).not.toBe(1);
  });
});

describe("what a template cannot do without", () => {
  const encode = (value: unknown, tokenizer: typeof dictionary): unknown =>
    encodeRow(value, place, {}, { tokenizer, templateFor: () => chosen });

  it("is asked for in terms of the tokenizer's folder, not of a function's arguments", () => {
    expect(() => encode(row, { ...dictionary, eos: null })).toThrow(
      "rows.json: row 1: the template writes the tokenizer's EOS token, and the tokenizer's folder names none.\nName it in tokenizer_config.json, \"eos_token\"",
    );
  });

  it("is said of a row's length in terms of the recipe and of flags", () => {
    const options = { tokenizer: dictionary, templateFor: () => chosen, maxLength: 9, truncation: "error" } as const;
    expect(() => encodeRow(row, place, {}, options)).toThrow(
      /rows\.json: row 1: expected at most 9 tokens, .* Raise sequence_len \(the flag --max-length/,
    );
  });

  it("is said of tools in terms of the recipe", () => {
    const messages = [
      { role: "user", content: "u" },
      { role: "assistant", content: "a" },
    ];
    const tools = [{ type: "function", function: { name: "f" } }];
    expect(() => encode({ messages, tools }, dictionary)).toThrow(
      'rows.json: row 1: Template "alpaca" has no place for the tool definitions of this conversation.\nChoose the model\'s own chat template, "tokenizer"',
    );
  });
});

it("reads the columns that a source names, and refuses one that no row has", async () => {
  const path = join(await testFolder(), "faq.jsonl");
  await writeFile(path, '{"question": "q", "answer": "a"}\n{"question": "q", "answer": "a", "context": "c"}\n');
  const inputs = async (context: string): Promise<unknown[]> => {
    const columns = { instruction: "question", output: "answer", input: context };
    const read: unknown[] = [];
    for await (const { conversation } of encodeRows([{ path, columns }], { tokenizer: dictionary, templateFor: () => chosen }))
      read.push(conversation.messages[0]!.fields?.input);
    return read;
  };
  expect(await inputs("context")).toEqual(["", "c"]);
  await expect(inputs("contxt")).rejects.toThrow(`${path}: no row has a column "contxt"`);
});
