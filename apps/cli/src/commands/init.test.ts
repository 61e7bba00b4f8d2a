import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { dictionary, runSft } from "../testing/runSft.ts";
import { someRows, testFolder } from "../testing/testFolder.ts";

describe.concurrent("sft init", () => {
  test.each(["lora", "full", "qlora"])("two steps of training from what it wrote, %s", async (method) => {
    const folder = await testFolder();
    await someRows(folder, 9);
    const data = ["--data", "rows.json", "--base-model", dictionary.model, "--method", method];
    const written = await runSft(["init", "recipes/mine.yaml", ...data], { cwd: folder });
    expect([written.exitCode, written.stderr]).toEqual([0, ""]);
    expect(written.stdout).toContain(`wrote     recipes/mine.yaml (${method})\nrows      alpaca, 9 in all\n`);
    expect(written.stdout).toMatch(
      /next {6}sft preview --data rows\.json --tokenizer \S+ --template alpaca\n {10}sft plan recipes\/mine\.yaml\n/,
    );
    expect(parse(await readFile(join(folder, "recipes/mine.yaml"), "utf8"))).toMatchObject({
      datasets: [{ path: "../rows.json", type: "alpaca" }],
      output_dir: "runs/mine",
    });
    const steps = ["--max-steps", "2", "--sample-max-new-tokens", "2", "--backend", "cpu"];
    const trained = await runSft(["train", "recipes/mine.yaml", ...steps], { cwd: folder });
    expect([trained.exitCode, trained.stderr]).toEqual([0, ""]);
    expect(trained.stdout).not.toContain("warning");
    expect(await readdir(join(folder, "runs/mine"))).toContain("checkpoint-2");
  });

  test("asks nothing: without flags an example, with what to set in it", async () => {
    const folder = await testFolder();
    const { exitCode, stdout } = await runSft(["init", "--json"], { cwd: folder });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      recipe: join(folder, "sft.yaml"),
      method: "lora",
      values: { base_model: "./model", datasets: [{ path: "./rows.jsonl" }] },
      missing: ["base_model", "datasets"],
      next: ["sft plan sft.yaml", "sft train sft.yaml"],
    });
    const again = await runSft(["init", "other.yaml"], { cwd: folder });
    expect(again.stdout).toContain("first     set base_model and datasets in it, where now an example stands\n");
  });

  test("writes over nothing unless it is told to, and never over the rows", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "sft.yaml"), "mine");
    await writeFile(join(folder, "rows.json"), '[{"text": "a"}]');
    await mkdir(join(folder, "folder.yaml"));
    const refused = await Promise.all([
      runSft(["init"], { cwd: folder }),
      runSft(["init", "rows.json", "--data", "rows.json", "--overwrite"], { cwd: folder }),
      runSft(["init", "folder.yaml", "--overwrite"], { cwd: folder }),
      runSft(["init", "recipe.txt"], { cwd: folder }),
    ]);
    expect(refused.map(({ exitCode }) => exitCode)).toEqual([2, 2, 2, 2]);
    const texts = refused.map(({ stderr }) => stderr.split("\n")[0]);
    expect(texts).toEqual([
      "error: sft.yaml is there already.",
      "error: A recipe's name ends in .yaml, and rows.json does not.",
      "error: folder.yaml is a folder.",
      "error: A recipe's name ends in .yaml, and recipe.txt does not.",
    ]);
    expect(await readFile(join(folder, "sft.yaml"), "utf8")).toBe("mine");
    expect((await readdir(folder)).sort()).toEqual(["folder.yaml", "rows.json", "sft.yaml"]);
    expect((await runSft(["init", "--overwrite"], { cwd: folder })).exitCode).toBe(0);
    expect(parse(await readFile(join(folder, "sft.yaml"), "utf8"))).toMatchObject({ adapter: "lora" });
  });

  test("a model, a file or rows that are none are refused before anything is written", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "rows.jsonl"), '{"question": "a", "answer": "b"}\n');
    const refused = await Promise.all([
      runSft(["init", "--base-model", "organisation/model"], { cwd: folder }),
      runSft(["init", "--data", "none.jsonl"], { cwd: folder }),
      runSft(["init", "--data", "rows.jsonl"], { cwd: folder }),
    ]);
    expect(refused.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1]);
    expect(refused[0]!.stderr).toContain("sft download organisation/model");
    expect(refused[1]!.stderr).toContain("none.jsonl");
    expect(refused[2]!.stderr).toContain('rows.jsonl:1: row 1: Its keys are "question", "answer", which is no known record format.');
    expect(await readdir(folder)).toEqual(["rows.jsonl"]);
  });

  test("a named column that no row has is refused as training refuses it, and one that comes late is found", async () => {
    const folder = await testFolder();
    const rows = Array.from({ length: 1001 }, (_, i) => ({ instruction: "q", output: "a", ...(i === 1000 ? { late: "c" } : {}) }));
    await writeFile(join(folder, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const init = ["init", "a.yaml", "--data", "rows.jsonl", "--columns"];
    const none = await runSft([...init, "input=lat"], { cwd: folder });
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain('rows.jsonl: no row has a column "lat", which columns names for input;');
    expect(await readdir(folder)).toEqual(["rows.jsonl"]);
    expect((await runSft([...init, "input=late"], { cwd: folder })).exitCode).toBe(0);
  });
});
