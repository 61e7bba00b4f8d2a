/**
 * Tokens a core second, English rows with Qwen3's tokenizer, beside @huggingface/tokenizers called directly.
 *
 *   npx tsx --conditions @sft/source bench/encodeEnglish.ts ROWS.json [tokenizer]
 *
 * ROWS.json is an array of objects; all their strings are encoded, row by row. Runs alternate between the two
 * libraries and the median of five counts; each run starts with a fresh tokenizer, so no cache is warm.
 * Time is the processor time of the process (all its threads), so that a busy machine does not change the figure much.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer as DirectTokenizer } from "@huggingface/tokenizers";
import { tokenizerFolder, type TokenizerName } from "@sft/fixtures";
import { createTokenizer } from "@sft/tokenizer";

const RUNS = 5;
const [rowsFile, name = "qwen3"] = process.argv.slice(2);
if (rowsFile === undefined) throw new Error("Usage: encodeEnglish.ts ROWS.json [tokenizer]");

const rows = (JSON.parse(readFileSync(rowsFile, "utf8")) as Record<string, unknown>[]).map((row) =>
  Object.values(row)
    .filter((value) => typeof value === "string")
    .join("\n"),
);
const folder = tokenizerFolder(name as TokenizerName);
const read = (file: string): object => JSON.parse(readFileSync(join(folder, file), "utf8")) as object;
const tokenizerJson = read("tokenizer.json");
const tokenizerConfig = read("tokenizer_config.json");

const contenders = {
  "@sft/tokenizer encode (ids and offsets)": () => {
    const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfig });
    return (row: string) => tokenizer.encode(row).ids.length;
  },
  "@sft/tokenizer encodeContent": () => {
    const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfig });
    return (row: string) => tokenizer.encodeContent(row).ids.length;
  },
  "@huggingface/tokenizers encode (ids only)": () => {
    const tokenizer = new DirectTokenizer(tokenizerJson, tokenizerConfig);
    return (row: string) => tokenizer.encode(row, { add_special_tokens: false }).ids.length;
  },
};

const results = Object.fromEntries(
  Object.keys(contenders).map((label) => [label, { loadMs: [] as number[], rates: [] as number[], tokens: 0 }]),
);
for (let run = 0; run < RUNS; run++) {
  for (const [label, create] of Object.entries(contenders)) {
    const loading = performance.now();
    const countTokens = create();
    const started = performance.now();
    const cpu = process.cpuUsage();
    let tokens = 0;
    for (const row of rows) tokens += countTokens(row);
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (user + system) / 1e6;
    results[label].loadMs.push(started - loading);
    results[label].rates.push(tokens / seconds);
    results[label].tokens = tokens;
  }
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
console.log(`${name}, ${rows.length} rows, ${rows.reduce((sum, row) => sum + row.length, 0)} characters, Node ${process.version}`);
for (const [label, { loadMs, rates, tokens }] of Object.entries(results)) {
  console.log(
    `${label}: ${Math.round(median(rates)).toLocaleString("en")} tokens a core second (${tokens} tokens; load ${Math.round(median(loadMs))} ms)`,
  );
}
