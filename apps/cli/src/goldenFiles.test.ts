import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { TOKENIZER_NAMES, type TokenizerName, tokenizerFolder } from "@sft/fixtures";
import { describe, expect, test } from "vitest";
import type { PreviewRow } from "./preview/previewRow.ts";
import { cliFolder, runSft } from "./testing/runSft.ts";
import { testFolder } from "./testing/testFolder.ts";

// What LitGPT 0.5.13, the Rust tokenizers 0.23 and transformers 5.17 made, asked of the command line as a user would.
// SFT_ALL_GOLDEN=1 runs all files; without it a sample of them, to stay quick.
const all = process.env.SFT_ALL_GOLDEN === "1";
const packages = join(cliFolder, "../../packages");

async function linesOf<T>(args: readonly string[], input?: string): Promise<T[]> {
  const { stdout, stderr, exitCode } = await runSft(args, input === undefined ? {} : { input });
  expect([exitCode, stderr]).toEqual([0, ""]);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

interface Dataset {
  readonly tokenizer: TokenizerName;
  readonly style: string;
  readonly mask_prompt: boolean;
  readonly max_seq_length: number;
  readonly rows: readonly { readonly example: object; readonly input_ids: number[]; readonly labels: number[] }[];
}
const datasets = JSON.parse(gunzipSync(await readFile(join(packages, "mask/golden/litgpt-sft-dataset.json.gz"))).toString()) as Dataset[];

describe("sft preview --mask litgpt", () => {
  // Five of 36: every tokenizer, style, length and mask comes up.
  test.each(datasets.filter((_, i) => all || i % 7 === 3))(
    "$tokenizer $style, prompt masked $mask_prompt, at most $max_seq_length: LitGPT's ids and labels",
    async ({ tokenizer, style, mask_prompt, max_seq_length, rows }) => {
      const data = join(await testFolder(), "rows.json");
      await writeFile(data, JSON.stringify(rows.map(({ example }) => example)));
      const length = max_seq_length > 0 ? ["--max-length", String(max_seq_length)] : [];
      const mask = mask_prompt ? "litgpt" : "litgpt-cli";
      const args = ["--data", data, "--tokenizer", tokenizerFolder(tokenizer), "--template", style, "--mask", mask, ...length];
      const found = await linesOf<PreviewRow>(["preview", ...args, "--json"]);
      expect(found.map(({ ids }) => ids)).toEqual(rows.map(({ input_ids }) => input_ids));
      // The first label is shifted away by every trainer; here it is never set.
      const labels = found.map(({ ids, weights }) => ids.map((id, i) => (weights[i]! > 0 ? id : -100)).slice(1));
      expect(labels).toEqual(rows.map((row) => row.labels.slice(1)));
    },
  );
});

interface Golden {
  readonly encodings: readonly { text: string; add_special_tokens: boolean; ids: number[]; offsets: [number, number][] }[];
  readonly chats: readonly { template: string; name: string; text: string; ids: number[] }[];
}
interface Chats {
  readonly chat_template: string | null;
  readonly chatml_generation_template: string;
  readonly chats: readonly {
    template: string;
    messages: readonly { role: string }[];
    tools: unknown[] | null;
    text?: string;
    generation_char_spans?: [number, number][] | null;
  }[];
}
const golden = async <T>(file: string): Promise<T> => JSON.parse(await readFile(join(packages, file), "utf8")) as T;

describe.each(TOKENIZER_NAMES.filter((name) => all || name === "qwen3" || name === "llama2"))("%s", (name) => {
  const tokenizer = tokenizerFolder(name);

  test.each([true, false])("sft tokenize, special tokens %s: the Rust library's ids and offsets", async (special) => {
    const encodings = (await golden<Golden>(`tokenizer/golden/${name}.json`)).encodings.filter((one) => one.add_special_tokens === special);
    const flags = ["--tokenizer", tokenizer, "--json", ...(special ? ["--add-special-tokens"] : [])];
    const found = await linesOf(["tokenize", ...flags], encodings.map(({ text }) => `${JSON.stringify(text)}\n`).join(""));
    expect(found).toEqual(
      encodings.map(({ text, ids, offsets }) => {
        // The golden files count code points.
        const characters = [...text];
        return { ids, offsets: offsets.map((pair) => pair.map((offset) => characters.slice(0, offset).join("").length)) };
      }),
    );
  });

  test("sft preview: transformers' text, ids and generation spans", async () => {
    const { chats: encoded } = await golden<Golden>(`tokenizer/golden/${name}.json`);
    const model = (await golden<Record<TokenizerName, Chats>>("templates/golden/chats.json"))[name];
    const folder = await testFolder();
    for (const style of model.chat_template === null ? ["chatml-generation"] : ["own", "chatml-generation"]) {
      const chats = model.chats.filter(
        ({ template, text, messages }) => template === style && text !== undefined && messages.at(-1)!.role === "assistant",
      );
      const [data, jinja] = [join(folder, "chats.jsonl"), join(folder, "chatml.jinja")];
      await writeFile(data, chats.map(({ messages, tools }) => JSON.stringify({ messages, ...(tools ? { tools } : {}) })).join("\n"));
      await writeFile(jinja, model.chatml_generation_template);
      const template = style === "own" ? "tokenizer" : jinja;
      const found = await linesOf<PreviewRow>([
        "preview",
        "--data",
        data,
        "--tokenizer",
        tokenizer,
        "--template",
        template,
        "--mask",
        "trl-assistant",
        "--json",
      ]);
      expect(found.map(({ text }) => text)).toEqual(chats.map(({ text }) => text));
      expect(found.map(({ ids }) => ids)).toEqual(
        chats.map(({ text }) => encoded.find((one) => one.template === style && one.text === text)!.ids),
      );
      if (style === "own") continue;
      const inside = chats.map(({ text, generation_char_spans }) => {
        const words = generation_char_spans!.map(([start, end]) => [...text!].slice(start, end).join("")).join("");
        // A newline that opens an answer is one token with the header's own, except in Llama 2; that token is trained.
        return words.startsWith("\n") && name !== "llama2" ? `\n${words}` : words;
      });
      expect(
        found.map(({ spans }) =>
          spans
            .filter(({ trained }) => trained)
            .map(({ text }) => text)
            .join(""),
        ),
      ).toEqual(inside);
    }
  });
});
