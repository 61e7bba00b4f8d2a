import { cp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cliFolder, dictionary, finished, runSft, startSft } from "../testing/runSft.ts";
import { someRows, testFolder } from "../testing/testFolder.ts";

const base = ["--base-model", dictionary.model, "--backend", "cpu", "--micro-batch-size", "2"];

async function readMetrics(folder: string): Promise<Record<string, number>[]> {
  const text = await readFile(join(folder, "metrics.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number>);
}

const withoutTimes = (lines: readonly Record<string, number>[]): unknown[] =>
  lines.map((line) => ({ ...line, tokens_per_second: 0, eval_runtime: 0 }));

describe.concurrent("sft train", () => {
  test("writes the run folder, and its adapter is used as it was trained", async () => {
    const folder = await testFolder();
    const data = await someRows(folder, 6);
    const recipe = join(folder, "recipe.yaml");
    await writeFile(
      recipe,
      `base_model: ${dictionary.model}\ndatasets: [{ path: rows.json }]\nval_set_size: 2\nmax_steps: 9\nlr: 1e-3\nsample_prompts: 1\nsample_max_new_tokens: 3\n`,
    );
    const { exitCode, stdout, stderr } = await runSft(
      ["train", recipe, "--max-steps", "3", "--micro-batch-size", "2", "--output-dir", "out", "--backend", "cpu"],
      { cwd: folder },
    );
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("note: lr is read as learning_rate");
    expect(stdout).toMatch(/template {2}alpaca \(\w{12}\) {3}train on: completion/);
    expect(stdout).toMatch(/rows {6}4 to train, 2 held out; \d+\.\d % of [\d,]+ tokens are supervised/);

    const out = join(folder, "out");
    expect((await readdir(out)).sort()).toEqual(["checkpoint-3", "config.yaml", "metrics.jsonl", "samples.json"]);
    expect(parse(await readFile(join(out, "config.yaml"), "utf8"))).toMatchObject({
      max_steps: 3,
      learning_rate: 1e-3,
      datasets: [{ path: data }],
      lora_r: 8,
      output_dir: out,
    });
    expect((await readdir(join(out, "checkpoint-3"))).sort()).toEqual([
      "README.md",
      "adapter_config.json",
      "adapter_model.safetensors",
      "base_model.json",
      "optimizer.safetensors",
      "prompt_settings.json",
      "trainer_state.json",
    ]);

    const metrics = await readMetrics(out);
    expect(metrics.map(({ step }) => step)).toEqual([0, 1, 2, 3, 3]);
    expect(Object.keys(metrics[1]!).join()).toBe("step,epoch,loss,grad_norm,learning_rate,tokens_per_second,tokens,supervised_tokens");
    expect(Object.keys(metrics[4]!)).toEqual(["step", "epoch", "eval_loss", "eval_runtime"]);
    expect(metrics[4]!.eval_loss).toBeLessThan(metrics[0]!.eval_loss!);

    const answer = await runSft(
      ["generate", "--model", "out", "--prompt", "Give a synonym of 'dress'.", "--max-new-tokens", "2", "--backend", "cpu", "--json"],
      { cwd: folder },
    );
    expect(JSON.parse(answer.stdout)).toMatchObject({ prompt: "Give a synonym of 'dress'.", prompt_tokens: 58 });
  });

  test("packed rows give the losses of padded ones", async () => {
    const folder = await testFolder();
    const data = await someRows(folder, 6);
    const train = async (output: string, ...flags: string[]): Promise<Record<string, number>[]> => {
      const run = await runSft(
        ["train", ...base, "--datasets", data, "--max-steps", "2", "--gradient-accumulation-steps", "3", "--output-dir", output, ...flags],
        { cwd: folder },
      );
      expect(run.stderr).toBe("");
      return (await readMetrics(join(folder, output))).filter(({ loss }) => loss !== undefined);
    };
    const [padded, packed] = await Promise.all([train("padded"), train("packed", "--sample-packing", "--sequence-len", "256")]);
    expect(padded).toHaveLength(2);
    // Sums of float32 in another order: a thousand terms of the loss and of products, and one update between them.
    padded.forEach(({ loss }, step) => expect(Math.abs(packed[step]!.loss! / loss! - 1)).toBeLessThan(1e-5));
  });

  test("k + m steps are k steps, a new process, m steps: the same losses and weights, bit for bit", async () => {
    const folder = await testFolder();
    const args = [
      "train",
      ...base,
      "--data",
      await someRows(folder, 7),
      "--val-set-size",
      "1",
      "--max-steps",
      "3",
      "--save-steps",
      "2",
      "--lora-dropout",
      "0.1",
      "--seed",
      "5",
    ];
    await runSft([...args, "--output-dir", "whole", "--quiet"], { cwd: folder });
    await cp(join(folder, "whole"), join(folder, "parts"), { recursive: true });
    await rm(join(folder, "parts/checkpoint-3"), { recursive: true });
    const resumed = await runSft([...args, "--output-dir", "parts", "--resume", "auto"], { cwd: folder });
    expect(resumed.stderr).toBe("");
    expect(resumed.exitCode).toBe(0);
    expect(withoutTimes(await readMetrics(join(folder, "parts")))).toEqual(withoutTimes(await readMetrics(join(folder, "whole"))));
    for (const file of ["adapter_model.safetensors", "optimizer.safetensors"]) {
      const [whole, parts] = await Promise.all(["whole", "parts"].map((name) => readFile(join(folder, name, "checkpoint-3", file))));
      expect(parts!.equals(whole!), file).toBe(true);
    }
  });

  test("a checkpoint that does not fit is refused, and what the run folder holds stays as it is", async () => {
    const folder = await testFolder();
    const args = ["train", ...base, "--data", await someRows(folder, 2), "--save-steps", "1", "--output-dir", "out"];
    await runSft([...args, "--max-steps", "2", "--quiet"], { cwd: folder });
    const out = join(folder, "out");
    const kept = async (): Promise<unknown> => [
      (await readdir(out)).sort(),
      await readFile(join(out, "config.yaml"), "utf8"),
      await readFile(join(out, "metrics.jsonl"), "utf8"),
    ];
    const before = await kept();
    const resume = ["--resume", "out/checkpoint-1", "--overwrite", "--max-steps", "3"];
    const refused = await runSft([...args, ...resume, "--lora-r", "4"], { cwd: folder });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("It was saved with another rank or another model.");
    expect(await kept()).toEqual(before);

    const ended = await runSft([...args, "--resume", "auto", "--max-steps", "2"], { cwd: folder });
    expect(ended.stdout).toContain("note: nothing was left to train: ");
    expect(ended.stdout).toContain("checkpoint-2 is at step 2 of 2. To go on, raise max_steps or num_epochs");
  });

  test("a loss that is not a number at the end, and a warmup that never ends, are not passed over", async () => {
    const folder = await testFolder();
    const args = ["train", ...base, "--data", await someRows(folder, 2), "--max-steps", "3", "--learning-rate", "1e30", "--output-dir"];
    const [spoilt, slow] = await Promise.all([
      runSft([...args, "nan", "--quiet"], { cwd: folder }),
      runSft([...args, "slow", "--warmup-steps", "3"], { cwd: folder }),
    ]);
    expect(spoilt.stderr).toContain("warning: the loss ended at NaN: the model in nan/checkpoint-3 is spoilt.");
    expect(slow.stdout).toContain("warning: warmup_steps 3 last as long as the run's 3 steps: the learning rate does not reach 1e+30");
  });

  test("Ctrl-C ends after the step in flight, saves, and says how to go on", async () => {
    const folder = await testFolder();
    const child = startSft(["train", ...base, "--data", await someRows(folder, 4), "--max-steps", "100000", "--output-dir", "out"], {
      cwd: folder,
    });
    const ending = finished(child);
    child.stdout.on("data", (text: string) => text.includes("step      1/100000") && child.kill("SIGINT"));
    const { exitCode, stdout, stderr } = await ending;
    expect(exitCode, stdout + stderr).toBe(130);
    const step = Number(/stopped at step (\d+); saved out\/checkpoint-\1\. Go on with --resume auto\./.exec(stderr)?.[1]);
    expect(await readdir(join(folder, "out"))).toContain(`checkpoint-${step}`);
    expect((await readMetrics(join(folder, "out"))).at(-1)).toMatchObject({ step });
  });

  test("trains through a backend from outside the packages", async () => {
    const folder = await testFolder();
    const log = join(folder, "calls.jsonl");
    const example = join(cliFolder, "../../examples/counting-backend/countingBackend.js");
    const args = [
      "train",
      "--base-model",
      dictionary.model,
      "--data",
      await someRows(folder, 2),
      "--backend",
      example,
      "--max-steps",
      "2",
      "--output-dir",
      "out",
      "--json",
    ];
    const { exitCode, stdout } = await runSft(args, { cwd: folder, env: { COUNTING_BACKEND_LOG: log } });
    expect(exitCode).toBe(0);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; backend?: string });
    expect(events.map(({ event }) => event)).toEqual([
      "model",
      "policy",
      "data",
      "backend",
      "start",
      "step",
      "step",
      "saved",
      "end",
      "done",
    ]);
    expect(events[3]!.backend).toBe("counting");
    const { calls, ops } = JSON.parse(await readFile(log, "utf8")) as { calls: Record<string, number>; ops: Record<string, number> };
    // The parameters are gathered once; each of two steps runs forward and backward, then one AdamW op over all 28 LoRA pairs.
    expect(calls).toMatchObject({ run: 1 + 2 * 2, dispose: 1 });
    expect(ops.adamw).toBe(2);
  });

  test("save_total_limit keeps the newest checkpoints, and --overwrite replaces a run but no other file", async () => {
    const folder = await testFolder();
    const args = [
      "train",
      ...base,
      "--data",
      await someRows(folder, 2),
      "--save-steps",
      "1",
      "--save-total-limit",
      "2",
      "--output-dir",
      "out",
      "--quiet",
    ];
    await runSft([...args, "--max-steps", "3"], { cwd: folder });
    await writeFile(join(folder, "out/notes.txt"), "mine");
    expect((await readdir(join(folder, "out"))).sort()).toEqual([
      "checkpoint-2",
      "checkpoint-3",
      "config.yaml",
      "metrics.jsonl",
      "notes.txt",
    ]);
    const { exitCode, stdout } = await runSft([...args, "--max-steps", "1", "--overwrite"], { cwd: folder });
    expect([exitCode, stdout]).toEqual([0, ""]);
    expect((await readdir(join(folder, "out"))).sort()).toEqual(["checkpoint-1", "config.yaml", "metrics.jsonl", "notes.txt"]);
  });

  test("full fine-tuning writes a model folder that other verbs read", async () => {
    const folder = await testFolder();
    const data = await someRows(folder, 2);
    const { exitCode } = await runSft(
      [
        "train",
        ...base,
        "--adapter",
        "none",
        "--data",
        data,
        "--test-data",
        data,
        "--max-steps",
        "1",
        "--learning-rate",
        "1e-3",
        "--output-dir",
        "out",
        "--quiet",
      ],
      { cwd: folder },
    );
    expect(exitCode).toBe(0);
    const { stdout } = await runSft(["eval", "--model", "out", "--data", data, "--backend", "cpu", "--json"], { cwd: folder });
    const { eval_loss } = JSON.parse(stdout) as { eval_loss: number };
    // The same programs on the same bits, but for batches of another size, which the CPU backend sums in the same order.
    expect(eval_loss).toBeCloseTo((await readMetrics(join(folder, "out"))).at(-1)!.eval_loss!, 5);
  });
});
