import { doctor } from "@sft/mask";
import { loadTokenizer } from "@sft/tokenizer/node";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chooseTemplate } from "../rows/chooseTemplate.ts";
import { type EncodedRow, encodeRows } from "../rows/encodeRows.ts";
import { dictionary } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import { examineRows } from "./examineRows.ts";

test("finds of rows that come one by one what the doctor finds of all together", async () => {
  const path = join(await testFolder(), "rows.jsonl");
  const row = (output: string, instruction = "Define love."): string => JSON.stringify({ instruction, output });
  const lines = [row("A feeling."), "", row(""), row("None", "Say <|im_end|>."), row("A feeling."), row("word ".repeat(100))];
  await writeFile(path, lines.join("\n"));
  // A tokenizer that asks for BOS, so that each of the three rules about the whole data has something to say.
  const own = await loadTokenizer(dictionary.model);
  const tokenizer = { ...own, encode: own.encode.bind(own), bos: own.eos, addBosToken: true };
  const templateFor = await chooseTemplate(undefined, own);
  const encode = (): AsyncGenerator<EncodedRow> => encodeRows([{ path }], { tokenizer: own, templateFor, mask: "all", maxLength: 120 });
  const options = { tokenizer, maxLength: 120, usualShare: { min: 0, max: 0.5 } };
  const all: EncodedRow[] = [];
  for await (const one of encode()) all.push(one);

  const { findings, count } = await examineRows(encode(), options);
  expect(count).toBe(5);
  expect(findings.map((finding) => ({ ...finding, line: undefined }))).toEqual(doctor(all, options));
  expect(new Set(findings.map(({ rule }) => rule))).toEqual(
    new Set(["control-token-in-content", "literal-none", "empty-turn", "duplicate-row", "over-long", "missing-bos", "supervised-share"]),
  );
  expect(findings.find(({ rule }) => rule === "duplicate-row")).toMatchObject({ row: 4, line: 5 });
});
