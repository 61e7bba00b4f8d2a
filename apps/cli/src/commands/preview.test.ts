import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readRows } from "@sft/data";
import { describe, expect, test } from "vitest";
import type { PreviewRow } from "../preview/previewRow.ts";
import { dictionary, runSft } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";

async function preview(args: readonly string[]): Promise<PreviewRow[]> {
  const { stdout, stderr } = await runSft(["preview", "--tokenizer", dictionary.model, "--json", ...args]);
  expect(stderr).toBe("");
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as PreviewRow);
}

describe.concurrent("sft preview", () => {
  test("alpaca rows: spans tile the tokens and the text, and exactly the answer and one EOS are trained", async () => {
    const rows = await preview(["--data", dictionary.test]);
    const records = JSON.parse(await readFile(dictionary.test, "utf8")) as { output: string }[];
    expect(rows).toHaveLength(records.length);
    rows.forEach(({ row, text, ids, weights, spans }, index) => {
      expect(row).toBe(index + 1);
      expect(spans.map((span) => span.text).join("")).toBe(text);
      expect(spans.map(({ start }) => start)).toEqual([0, ...spans.slice(0, -1).map(({ end }) => end)]);
      expect(spans.at(-1)!.end).toBe(ids.length);
      expect(weights).toHaveLength(ids.length);
      expect(
        spans
          .filter(({ trained }) => trained)
          .map((span) => span.text)
          .join(""),
      ).toBe(`${records[index]!.output}<|endoftext|>`);
      spans.forEach(({ start, end, trained }) => expect(weights.slice(start, end).every((weight) => weight > 0 === trained)).toBe(true));
    });
  });

  test("conversations under the model's own template: every assistant turn, each with its terminator", async () => {
    const [first] = await preview(["--data", dictionary.chat, "--template", "tokenizer", "--rows", "1"]);
    expect(first!.spans.filter(({ trained }) => trained).map(({ text }) => text)).toEqual([
      "Close to noon.",
      "<|im_end|>",
      "A strong positive emotion of regard and affection.",
      "<|im_end|>",
    ]);
  });

  test("columns of other names, as flag, in a recipe and of the doctor", async () => {
    const folder = await testFolder();
    const asked = { cwd: folder };
    await writeFile(join(folder, "faq.csv"), "question,answer\nWhere is Basel?,In Switzerland.\n");
    const columns = ["--columns", "instruction=question,output=answer"];
    const made = await runSft(["init", "faq.yaml", "--base-model", dictionary.model, "--data", "faq.csv", ...columns, "--json"], asked);
    const calls = (JSON.parse(made.stdout) as { next: string[] }).next;
    expect(calls[0]).toContain("--columns 'instruction=question,output=answer'");
    const rows = ["--data", "faq.csv", "--tokenizer", dictionary.model, ...columns];
    const [shown, judged, run] = await Promise.all([
      runSft(["preview", ...rows, "--json"], asked),
      runSft(["doctor", ...rows], asked),
      runSft(["train", "faq.yaml", "--max-steps", "1", "--val-set-size", "0", "--sample-prompts", "0", "--backend", "cpu"], asked),
    ]);
    expect((JSON.parse(shown.stdout) as PreviewRow).spans.filter(({ trained }) => trained).map(({ text }) => text)).toEqual([
      "In Switzerland.",
      "<|endoftext|>",
    ]);
    expect([judged.exitCode, judged.stdout]).toEqual([0, "1 row: 0 errors, 0 warnings, 0 notes\n"]);
    expect([run.stderr, run.exitCode]).toEqual(["", 0]);
  });

  test("--mask and --max-length decide, and --html writes a page", async () => {
    const [all] = await preview(["--data", dictionary.test, "--rows", "1", "--mask", "all"]);
    expect(all!.weights).toEqual([0, ...Array<number>(all!.ids.length - 1).fill(1)]);
    const [cut] = await preview(["--data", dictionary.test, "--rows", "1", "--max-length", "20", "--truncation", "right"]);
    expect(cut!.ids).toEqual(all!.ids.slice(0, 20));
    expect(cut!.warnings.map(({ code }) => code)).toContain("terminator-cut");
    const page = join(await testFolder(), "page.html");
    await runSft(["preview", "--tokenizer", dictionary.model, "--data", dictionary.test, "--rows", "2", "--html", page]);
    expect(await readFile(page, "utf8")).toMatch(
      /<span class="learned" title="learned: [^"]+">Accent\.<\/span><span class="learned control"/,
    );
  });

  test("--export jsonl gives labels that PyTorch trainers read", async () => {
    const [row] = await preview(["--data", dictionary.test, "--rows", "1"]);
    const { stdout } = await runSft([
      "preview",
      "--tokenizer",
      dictionary.model,
      "--data",
      dictionary.test,
      "--rows",
      "1",
      "--export",
      "jsonl",
    ]);
    const { ids, weights } = row!;
    expect(JSON.parse(stdout)).toEqual({
      input_ids: ids,
      attention_mask: ids.map(() => 1),
      labels: ids.map((id, i) => (weights[i]! > 0 ? id : -100)),
    });
  });

  test("--export parquet writes the same rows as jsonl; what trains nothing is left out", async () => {
    const folder = await testFolder();
    const args = ["preview", "--tokenizer", dictionary.model, "--data", dictionary.test, "--rows", "40", "--max-length", "75"];
    const printed = (await runSft([...args, "--export", "jsonl"])).stdout;
    const lines = printed
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { input_ids: number[]; labels: number[] });
    expect(lines.length).toBeLessThan(40);
    expect(lines.every(({ labels }) => labels.some((label) => label !== -100))).toBe(true);
    await runSft([...args, "--export", "jsonl", join(folder, "labels.jsonl")]);
    expect(await readFile(join(folder, "labels.jsonl"), "utf8")).toBe(printed);
    const { stdout } = await runSft([...args, "--export", "parquet", join(folder, "labels.parquet")]);
    expect(stdout).toContain(`wrote ${lines.length} of 40 rows`);
    const rows: unknown[] = [];
    for await (const { value } of readRows(join(folder, "labels.parquet"))) rows.push(value);
    expect(rows).toEqual(lines);
    expect((await runSft([...args, "--export", "parquet"])).exitCode).toBe(2);
  });

  test("--diff shows the text that two recipes train differently", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "rows.json"), '[{"instruction": "Say yes.", "output": "Yes."}]');
    const recipe = `base_model: ${dictionary.model}\ndatasets: rows.json\ntrain_on: `;
    await writeFile(join(folder, "a.yaml"), `${recipe}completion\n`);
    await writeFile(join(folder, "b.yaml"), `${recipe}all\n`);
    const { stdout } = await runSft(["preview", "--diff", "a.yaml", "b.yaml", "--json"], { cwd: folder });
    const { row, changes } = JSON.parse(stdout) as {
      row: number;
      changes: { text: string; before: { weight: number }; after: { weight: number } }[];
    };
    expect(row).toBe(1);
    expect(changes.map(({ text }) => text)).toContain("Say yes.");
    expect(changes.every(({ before, after }) => before.weight === 0 && after.weight === 1)).toBe(true);
    expect(changes.some(({ text }) => text === "Yes.")).toBe(false);
    expect((await runSft(["preview", "--diff", "a.yaml", "a.yaml"], { cwd: folder })).stdout).toBe("both recipes train the same\n");
  });

  test("--diff says which rows it compared where the recipes name others, and reads each recipe's columns", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "rows.json"), '[{"question": "Say yes.", "answer": "Yes.", "other": "No."}]');
    await writeFile(join(folder, "more.json"), '[{"instruction": "Say no.", "output": "No."}]');
    const recipe = (path: string, answer: string) =>
      `base_model: ${dictionary.model}\ndatasets: [{ path: ${path}, columns: { instruction: question, output: ${answer} } }]\n`;
    await writeFile(join(folder, "a.yaml"), recipe("rows.json", "answer"));
    await writeFile(join(folder, "b.yaml"), recipe("rows.json", "other"));
    await writeFile(join(folder, "c.yaml"), recipe("more.json", "answer"));
    const diff = (second: string) => runSft(["preview", "--diff", "a.yaml", second], { cwd: folder });
    const [columns, rows] = [await diff("b.yaml"), await diff("c.yaml")];
    expect(columns.stdout).toContain("No.");
    expect(columns.stderr).toBe("");
    expect(rows.stdout).toBe("both recipes train the same on the rows of a.yaml\n");
    expect(rows.stderr).toMatch(/^note: the recipes name different rows; compared on those of a\.yaml: .*rows\.json\n$/);
  });
});
