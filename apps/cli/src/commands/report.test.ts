import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RunSummary } from "../report/runSummary.ts";
import { dictionary, runSft } from "../testing/runSft.ts";
import { someRows, testFolder } from "../testing/testFolder.ts";

const config = "base_model: /models/small\nadapter: lora\nlora_r: 4\nlora_alpha: 8\ndatasets: [{ path: /data/a.jsonl }]\n";

const stepLine = (step: number, loss: number | null, more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    step,
    epoch: step / 4,
    loss,
    grad_norm: loss === null ? null : loss / 2,
    learning_rate: step === 2 ? 2e-3 : 1e-3,
    tokens_per_second: 100 * step,
    tokens: 1000,
    supervised_tokens: 250,
    ...more,
  });

/** A run's folder below `root` with these lines in metrics.jsonl. */
async function runFolder(root: string, name: string, lines: readonly string[], keys = "max_steps: 4"): Promise<string> {
  const folder = join(root, name);
  await mkdir(join(folder, "checkpoint-4"), { recursive: true });
  await writeFile(join(folder, "config.yaml"), `${config}${keys}\noutput_dir: ${folder}\n`);
  await writeFile(join(folder, "metrics.jsonl"), lines.map((line) => `${line}\n`).join(""));
  return folder;
}

const whole = [
  '{"step":0,"epoch":0,"eval_loss":5,"eval_runtime":1.5}',
  stepLine(1, 4),
  stepLine(2, 2),
  stepLine(3, 3),
  stepLine(4, 2.5),
  '{"step":4,"epoch":1,"eval_loss":2.25,"eval_runtime":0.5}',
];

const summariesOf = (stdout: string): RunSummary[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RunSummary);

describe.concurrent("sft report", () => {
  test("--json tells what the folder holds", async () => {
    const root = await testFolder();
    const folder = await runFolder(root, "mine", whole);
    await writeFile(
      join(folder, "checkpoint-4/prompt_settings.json"),
      '{"template":{"name":"alpaca","hash":"0"},"mask_policy":"completion"}',
    );
    const answers = [
      { prompt: "Hello?", reference: "Hi.", before: { text: "", ended: true, tokens: 1 }, after: { text: "Ho.", ended: true, tokens: 2 } },
    ];
    await writeFile(join(folder, "samples.json"), JSON.stringify(answers));
    const { stdout, stderr, exitCode } = await runSft(["report", "mine", "--json"], { cwd: root });
    expect([exitCode, stderr]).toEqual([0, ""]);
    const path = join(folder, "checkpoint-4");
    expect(JSON.parse(stdout)).toEqual({
      run: "mine",
      folder,
      state: "done",
      step: 4,
      maxSteps: 4,
      epochs: 1,
      model: "/models/small",
      method: "LoRA r 4, alpha 8",
      data: ["/data/a.jsonl"],
      template: "alpaca",
      mask: "completion",
      tokens: 4000,
      supervisedTokens: 1000,
      supervisedShare: 0.25,
      // 10 + 5 + 3.333 + 2.5 s of steps, and 2 s of held-out measurements.
      seconds: expect.closeTo(20 + 5 / 6 + 2, 9) as number,
      tokensPerSecond: 250,
      loss: { first: { step: 1, value: 4 }, last: { step: 4, value: 2.5 }, best: { step: 2, value: 2 } },
      heldOut: [
        { step: 0, value: 5 },
        { step: 4, value: 2.25 },
      ],
      gradNorm: { median: 1.375, largest: { step: 1, value: 2 } },
      nonFiniteSteps: [],
      peakLearningRate: { step: 2, value: 2e-3 },
      checkpoints: [{ step: 4, path }],
      bestCheckpoint: { step: 4, path, heldOutLoss: 2.25 },
      samples: answers,
      warnings: [],
    });
    const { stdout: text } = await runSft(["report", "mine"], { cwd: root });
    expect(text).toContain("- tokens:          4,000, 25.0 % supervised\n");
    expect(text).toContain("- held-out loss:   5.0000 (step 0), 2.2500 (step 4)\n");
    expect(text).toContain("**Hello?**\n- before:    (nothing)\n- after:     Ho.\n- reference: Hi.");
  });

  test("reads what a training run wrote", async () => {
    const root = await testFolder();
    const data = await someRows(root, 6);
    const flags = ["--base-model", dictionary.model, "--datasets", data, "--val-set-size", "2", "--max-steps", "3"];
    const begun = performance.now();
    await runSft(["train", ...flags, "--micro-batch-size", "2", "--backend", "cpu", "--quiet", "--output-dir", "out"], { cwd: root });
    const passed = (performance.now() - begun) / 1000;
    const { stdout, stderr } = await runSft(["report", "out", "--json"], { cwd: root });
    const [summary] = summariesOf(stdout);
    const lines = (await readFile(join(root, "out/metrics.jsonl"), "utf8")).trimEnd().split("\n");
    const metrics = lines.map((line) => JSON.parse(line) as Record<string, number>);
    const steps = metrics.filter(({ loss }) => loss !== undefined);
    const total = (key: string): number => steps.reduce((sum, line) => sum + line[key]!, 0);
    expect(stderr).toBe("");
    expect(summary).toMatchObject({
      state: "done",
      step: 3,
      maxSteps: 3,
      model: dictionary.model,
      data: [data],
      template: "alpaca",
      mask: "completion",
      tokens: total("tokens"),
      supervisedShare: total("supervised_tokens") / total("tokens"),
      loss: { last: { step: 3, value: steps[2]!.loss } },
      heldOut: [
        { step: 0, value: metrics[0]!.eval_loss },
        { step: 3, value: metrics[4]!.eval_loss },
      ],
      bestCheckpoint: { step: 3, heldOutLoss: metrics[4]!.eval_loss },
    });
    expect(summary!.seconds).toBeGreaterThan(0);
    expect(summary!.seconds).toBeLessThan(passed);
  });

  test("states: in progress, stopped, ended in values that are not finite; steps of epochs when the recipe names none", async () => {
    const root = await testFolder();
    await runFolder(root, "running", whole.slice(0, 4), "num_epochs: 3");
    await runFolder(root, "stopped", whole.slice(0, 5), "max_steps: 9");
    await runFolder(
      root,
      "blown",
      [1, 2, 3, 4, 5, 6].map((step) => stepLine(step, step === 1 ? 4 : null)),
      "max_steps: 9",
    );
    const { stdout } = await runSft(["report", "running", "stopped", "blown", "--json"], { cwd: root });
    expect(summariesOf(stdout).map(({ state, step, maxSteps }) => [state, step, maxSteps])).toEqual([
      ["running", 3, 12],
      ["stopped", 4, 9],
      ["non-finite", 6, 9],
    ]);
    expect(summariesOf(stdout)[2]!.nonFiniteSteps).toEqual([2, 3, 4, 5, 6]);
    expect(summariesOf(stdout)[2]!.loss!.last).toEqual({ step: 1, value: 4 });
  });

  test("a last line that is half written is left out without a word; a damaged one before it is named and skipped", async () => {
    const root = await testFolder();
    const folder = await runFolder(root, "mine", [whole[1]!, "{oops", '["list"]', whole[2]!]);
    await writeFile(join(folder, "metrics.jsonl"), `${await readFile(join(folder, "metrics.jsonl"), "utf8")}{"step":3,"lo`);
    const { stdout, stderr, exitCode } = await runSft(["report", "mine", "--json"], { cwd: root });
    const [summary] = summariesOf(stdout);
    expect([exitCode, summary!.step, summary!.loss!.best.value]).toEqual([0, 2, 2]);
    const path = join(folder, "metrics.jsonl");
    expect(stderr.split("\n")).toEqual([
      `warning: ${path}:2: no JSON object: {oops; the line is skipped`,
      `warning: ${path}:3: no JSON object: ["list"]; the line is skipped`,
      "",
    ]);
    expect(summary!.warnings).toHaveLength(2);
  });

  test("several runs stand side by side, with the config keys that differ", async () => {
    const root = await testFolder();
    await runFolder(root, "a", whole, "max_steps: 4\nlearning_rate: 0.001");
    await runFolder(root, "b|c", whole.slice(1, 5), "max_steps: 4\nlearning_rate: 0.002\nseed: 7");
    const { stdout } = await runSft(["report", "a", "b|c"], { cwd: root });
    const rows = stdout.split("\n").map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    const row = (name: string): string[] | undefined => rows.find(([, first]) => first === name)?.slice(2, -1);
    expect(row("")).toEqual(["a", "b\\|c"]);
    expect(row("held-out loss")).toEqual(["5.0000 (step 0), 2.2500 (step 4)", "-"]);
    const differing = stdout.slice(stdout.indexOf("## Config keys that differ")).split("\n").slice(4);
    expect(
      differing
        .filter((line) => line !== "")
        .map((line) =>
          line
            .split("|")
            .map((cell) => cell.trim())
            .slice(1, -1),
        ),
    ).toEqual([
      ["learning_rate", "0.001", "0.002"],
      ["seed", "-", "7"],
    ]);
  });

  test("--html holds the curves and asks for nothing from elsewhere; names and answers are escaped", async () => {
    const root = await testFolder();
    const name = "<img src=x onerror=alert(1)>";
    const folder = await runFolder(root, name, [...whole.slice(0, 5), stepLine(5, null)], "max_steps: 5");
    const text = "</script><b>bold</b>";
    await writeFile(join(folder, "samples.json"), JSON.stringify([{ prompt: text, reference: text, before: { text }, after: { text } }]));
    expect((await runSft(["report", name, "--html", "page.html"], { cwd: root })).stdout).toBe("wrote page.html\n");
    const page = await readFile(join(root, "page.html"), "utf8");
    expect(page).not.toContain("<img");
    expect(page).not.toContain("<b>");
    expect(page).toContain(`<h1>&lt;img src=x onerror=alert(1)&gt;</h1>`);
    const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]!;
    expect(JSON.parse(data)).toEqual([
      {
        name,
        step: [1, 2, 3, 4, 5],
        loss: [4, 2, 3, 2.5, null],
        gradNorm: [2, 1, 1.5, 1.25, null],
        learningRate: [1e-3, 2e-3, 1e-3, 1e-3, 1e-3],
        tokensPerSecond: [100, 200, 300, 400, 500],
        heldOutStep: [0],
        heldOutLoss: [5],
      },
    ]);
    const markup = page.replaceAll(/<(script|style)\b[^>]*>.*?<\/\1>/gs, "").replaceAll(/<!--.*?-->/gs, "");
    expect(markup).not.toMatch(/https?:|<[^>]*\s(?:src|srcset|action)=/);
    expect([...markup.matchAll(/href="([^"]*)"/g)].map(([, address]) => address)).toEqual(["data:,"]);
    expect(page.match(/@import|url\(/g)).toBeNull();
    expect(markup).toContain("default-src 'none'");
    expect(markup).not.toContain("connect-src");
  });

  test("--html writes over its own page, over another file only with --overwrite", async () => {
    const root = await testFolder();
    await runFolder(root, "mine", whole);
    await writeFile(join(root, "notes.html"), "mine");
    const write = (...more: readonly string[]) => runSft(["report", "mine", "--html", "notes.html", ...more], { cwd: root });
    const refused = await write();
    expect([refused.exitCode, await readFile(join(root, "notes.html"), "utf8")]).toEqual([2, "mine"]);
    expect(refused.stderr).toContain("no page that sft report wrote");
    expect((await write("--overwrite")).exitCode).toBe(0);
    expect((await write()).exitCode).toBe(0);
  });

  test("a folder that is no run's is refused with the runs that are meant", async () => {
    const root = await testFolder();
    await runFolder(root, "runs/mine", whole);
    const refused = async (name: string): Promise<string> => {
      const { exitCode, stderr } = await runSft(["report", name], { cwd: root });
      expect(exitCode).toBe(2);
      return stderr;
    };
    expect(await refused("runs")).toContain("Give one of the runs in it: runs/mine.");
    expect(await refused("runs/mine/checkpoint-4")).toContain("This is one of a run's checkpoints: give runs/mine.");
    expect(await refused("nowhere")).toContain("there is no such folder");
  });
});
