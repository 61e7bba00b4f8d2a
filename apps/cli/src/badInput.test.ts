import { goldenModelPath } from "@sft/golden";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { cliFolder, dictionary, runSft, type Finished } from "./testing/runSft.ts";
import { modelWith, someRows, testFolder } from "./testing/testFolder.ts";

/** Runs a short training in `folder`, which must be refused: one message, no stack trace, no run folder. */
async function refused(folder: string, args: readonly string[]): Promise<Finished> {
  const result = await runSft(
    ["train", "--base-model", dictionary.model, "--backend", "cpu", "--max-steps", "1", "--output-dir", "out", ...args],
    { cwd: folder },
  );
  expect(result.stderr).toMatch(/^error: /);
  expect(result.stderr).not.toMatch(/\n\s+at .*:\d+/);
  expect(await readdir(folder)).not.toContain("out");
  return result;
}

async function fileWith(text: string, name = "rows.json"): Promise<{ folder: string; path: string }> {
  const folder = await testFolder();
  const path = join(folder, name);
  await writeFile(path, text);
  return { folder, path };
}

describe.concurrent("bad input ends with one message, and leaves nothing behind", () => {
  test("a data file that is not there", async () => {
    const folder = await testFolder();
    const { exitCode, stderr } = await refused(folder, ["--data", "nowhere.json"]);
    expect(stderr).toContain(join(folder, "nowhere.json"));
    expect(exitCode).toBe(1);
  });

  test("JSON with a comma too many: line and column", async () => {
    const { folder, path } = await fileWith('[\n{"instruction": "a",\n"output": "b",}\n]\n');
    const { exitCode, stderr } = await refused(folder, ["--data", path]);
    expect(stderr).toContain(`${path}:3:14`);
    expect(exitCode).toBe(1);
  });

  test("messages in which nobody speaks as assistant", async () => {
    const messages = [
      { role: "human", content: "a" },
      { role: "model", content: "b" },
    ];
    const { folder, path } = await fileWith(JSON.stringify([{ messages }]));
    const { exitCode, stderr } = await refused(folder, ["--data", path]);
    expect(stderr).toContain("in 1 row no message is an assistant's, and roles are human, model");
    expect(exitCode).toBe(1);
  });

  test("rows in the recipe's place", async () => {
    const { folder, path } = await fileWith('{"instruction": "a", "output": "b"}\n', "rows.jsonl");
    const { exitCode, stderr } = await refused(folder, [path]);
    expect(stderr).toContain(`${path}: expected a recipe, and by its name this is a file of rows.\nRows are given with --data`);
    expect(exitCode).toBe(2);
  });

  test("a GPU by another name than webgpu", async () => {
    const folder = await testFolder();
    const { exitCode, stderr } = await refused(folder, ["--data", await someRows(folder, 2), "--backend", "cuda:0"]);
    expect(stderr).toContain("A GPU of any maker is --backend webgpu.");
    expect(exitCode).toBe(2);
  });

  test("a row without output: file, line and row", async () => {
    const { folder, path } = await fileWith('[\n{"instruction": "a", "output": "b"},\n{"instruction": "c"}\n]\n');
    const { exitCode, stderr } = await refused(folder, ["--data", path]);
    expect(stderr).toContain(`${path}:3: row 2: "output" is missing`);
    expect(exitCode).toBe(1);
  });

  test("a data set without rows", async () => {
    const { folder, path } = await fileWith("[]");
    const { exitCode, stderr } = await refused(folder, ["--data", path]);
    expect(stderr).toContain(`${path}: the file holds no rows`);
    expect(exitCode).toBe(1);
  });

  test("a model family that is not known, with the closest", async () => {
    const folder = await testFolder();
    await mkdir(join(folder, "model"));
    const model = await modelWith(join(folder, "model"), { model_type: "lama", architectures: ["LamaForCausalLM"] });
    const { exitCode, stderr } = await refused(folder, ["--base-model", model, "--data", await someRows(folder, 2)]);
    expect(stderr).toMatch(/model_type "lama".*is not a known model family/s);
    expect(stderr).toContain("Closest: llama");
    expect(exitCode).toBe(1);
  });

  test("a tokenizer with more tokens than the embedding has rows", async () => {
    const folder = await testFolder();
    const { exitCode, stderr } = await refused(folder, [
      "--base-model",
      goldenModelPath("llama"),
      "--tokenizer",
      dictionary.model,
      "--data",
      await someRows(folder, 2),
    ]);
    expect(stderr).toMatch(/has 4096 tokens, the embedding of .* only \d+ rows/);
    expect(exitCode).toBe(1);
  });

  test("a LoRA target that matches nothing, with the close ones", async () => {
    const folder = await testFolder();
    const { exitCode, stderr } = await refused(folder, ["--data", await someRows(folder, 2), "--lora-target-modules", "q_porj"]);
    expect(stderr).toContain('LoRA target "q_porj" matches no linear layer');
    expect(stderr).toContain("Closest: q_proj");
    expect(exitCode).toBe(1);
  });

  test("a row longer than the model's positions", async () => {
    const { folder, path } = await fileWith(JSON.stringify([{ instruction: "Count.", output: "one two three ".repeat(300) }]));
    const { exitCode, stderr } = await refused(folder, ["--data", path]);
    expect(stderr).toMatch(/rows\.json:1: row 1 has \d+ tokens; the model has 512 positions/);
    expect(stderr).toContain("sequence_len");
    expect(exitCode).toBe(1);
  });

  test("a sequence length beyond the model's positions", async () => {
    const folder = await testFolder();
    const { exitCode, stderr } = await refused(folder, ["--data", await someRows(folder, 2), "--sequence-len", "1024"]);
    expect(stderr).toContain("sequence_len 1024 is longer than the model's 512 positions");
    expect(exitCode).toBe(2);
  });

  test("an output folder that holds another run is named and left alone", async () => {
    const folder = await testFolder();
    await mkdir(join(folder, "other/checkpoint-7"), { recursive: true });
    await writeFile(join(folder, "other/config.yaml"), "seed: 1\n");
    const { exitCode, stderr } = await refused(folder, ["--data", await someRows(folder, 2), "--output-dir", "other"]);
    expect(stderr).toContain(`${join(folder, "other")} holds another run, saved up to step 7`);
    expect(stderr).toContain("--resume auto");
    expect(exitCode).toBe(2);
    expect((await readdir(join(folder, "other"))).sort()).toEqual(["checkpoint-7", "config.yaml"]);
  });

  test.runIf(process.platform === "linux")("an output folder in a file system that takes none", async () => {
    const folder = await testFolder();
    const { exitCode, stderr } = await refused(folder, ["--data", await someRows(folder, 2), "--output-dir", "/proc/none/run"]);
    expect(stderr).toContain("could not write a folder at /proc/none/run: the system refuses at /proc/none (ENOENT)");
    expect(stderr).toContain("Give a path inside a folder in which you may write.");
    expect(exitCode).toBe(1);
  });

  test("a disk that is full while the adapter is saved: no half-written checkpoint", async () => {
    const folder = await testFolder();
    const args = [
      "train",
      "--base-model",
      dictionary.model,
      "--data",
      await someRows(folder, 2),
      "--backend",
      "cpu",
      "--max-steps",
      "1",
      "--output-dir",
      "out",
    ];
    const { exitCode, stderr } = await runSft(args, {
      cwd: folder,
      env: { FULL_DISK_AFTER: "100000" },
      preload: [pathToFileURL(join(cliFolder, "src/testing/fullDisk.mjs")).href],
    });
    expect(stderr).toMatch(/^error: no space left while writing .*checkpoint-1/);
    expect(exitCode).toBe(1);
    expect((await readdir(join(folder, "out"))).sort()).toEqual(["config.yaml", "metrics.jsonl"]);
  });

  test("a flag that does not exist, with the close one", async () => {
    const { exitCode, stdout, stderr } = await runSft(["train", "--learning-rat", "1"]);
    expect(stderr).toBe("error: sft train has no option --learning-rat.\nDid you mean --learning-rate?\n");
    expect([exitCode, stdout]).toEqual([2, ""]);
  });

  test("a flag without its value", async () => {
    const { exitCode, stderr } = await runSft(["train", "--max-steps"]);
    expect(stderr).toContain("--max-steps needs a value");
    expect(exitCode).toBe(2);
  });

  test("a value that its flag cannot have", async () => {
    const folder = await testFolder();
    const { exitCode, stderr } = await refused(folder, ["--data", "rows.json", "--lr-scheduler", "cosin", "--micro-batch-size", "0"]);
    expect(stderr).toMatch(
      /--lr-scheduler: lr_scheduler: invalid option: expected one of "cosine"\|"linear"\|.*, got "cosin"\. Did you mean cosine\?/,
    );
    expect(stderr).toContain("--micro-batch-size: micro_batch_size:");
    expect(exitCode).toBe(2);
  });

  test("a verb that does not exist, with the close one", async () => {
    const { exitCode, stderr } = await runSft(["trian"]);
    expect(stderr).toBe('error: "trian" is no verb of sft.\nDid you mean train?\n');
    expect(exitCode).toBe(2);
  });

  test("a backend module that is none", async () => {
    const { folder, path } = await fileWith("export const backend = 1;\n", "wrong.mjs");
    const { exitCode, stderr } = await refused(folder, ["--data", await someRows(folder, 2), "--backend", path]);
    expect(stderr).toContain("expected a module that exports createBackend, it exports backend");
    expect(exitCode).toBe(2);
  });

  test("weights that were cut off", async () => {
    const folder = await testFolder();
    await mkdir(join(folder, "model"));
    for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"])
      await symlink(join(dictionary.model, name), join(folder, "model", name));
    await writeFile(join(folder, "model/model.safetensors"), "12345");
    const { exitCode, stderr } = await refused(folder, ["--base-model", "model", "--data", await someRows(folder, 2)]);
    expect(stderr).toContain("model.safetensors");
    expect(exitCode).toBe(1);
  });
});
