import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commandTable } from "../commandTable.ts";
import { runConfigKeys } from "../runConfig/schema.ts";
import { cliFolder, dictionary, runSft } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";

describe.concurrent("sft", () => {
  test("without a verb: every verb, and exit code 2", async () => {
    const { exitCode, stdout } = await runSft([]);
    expect(exitCode).toBe(2);
    for (const [name, { summary }] of Object.entries(commandTable)) expect(stdout).toMatch(new RegExp(`  ${name} +${summary}`));
  });

  test("--version is the package's", async () => {
    const { version } = JSON.parse(await readFile(join(cliFolder, "package.json"), "utf8")) as { version: string };
    expect((await runSft(["--version"])).stdout).toBe(`${version}\n`);
  });

  test("every verb has help with examples", async () => {
    for (const [name, { load }] of Object.entries(commandTable)) {
      const { examples = [] } = await load();
      expect(examples.length, name).toBeGreaterThan(0);
    }
    const { exitCode, stdout } = await runSft(["train", "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("EXAMPLES\n\n  sft train recipe.yaml\n");
    expect(stdout).not.toContain("\x1b");
  });
});

describe.concurrent("sft tokenize", () => {
  test("offsets count UTF-16 code units, and decode back to the text", async () => {
    const text = "Naïve 🙂 “quote”\u2028line";
    const { stdout } = await runSft(["tokenize", "--tokenizer", dictionary.model, "--json"], {
      input: `${JSON.stringify(text)}\n"a\\nb"\r\n`,
    });
    const [first, second] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { ids: number[]; offsets: [number, number][] });
    expect(first!.offsets).toHaveLength(first!.ids.length);
    expect(first!.offsets.at(-1)![1]).toBe(text.length);
    expect(second!.offsets.at(-1)).toEqual([2, 3]);
  });

  test("a line that is no JSON string is refused by number", async () => {
    const { exitCode, stdout, stderr } = await runSft(["tokenize", "--tokenizer", dictionary.model, "--json"], {
      input: '"ok"\n{"no": 1}\n',
    });
    expect(stdout.split("\n")).toHaveLength(2);
    expect(stderr).toContain('standard input, line 2: expected a JSON string, found {"no": 1}');
    expect(exitCode).toBe(1);
  });
});

describe.concurrent("sft doctor", () => {
  test("--tokenizer says whether the widely used library gives the same ids", async () => {
    const { stdout } = await runSft(["doctor", "--tokenizer", dictionary.model, "--json"]);
    const checks = JSON.parse(stdout) as { name: string; state: string; found: string }[];
    expect(checks.at(-1)).toMatchObject({ name: "tokenizer", found: expect.stringContaining("@huggingface/tokenizers") });
  });

  test("knows how long a row the model beside the tokenizer reads, as train does", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "rows.jsonl"), JSON.stringify({ instruction: "Count.", output: "one two three ".repeat(300) }));
    const args = ["doctor", "--data", join(folder, "rows.jsonl"), "--tokenizer", dictionary.model, "--json"];
    const overLong = async (...more: readonly string[]) => {
      const { stdout, exitCode } = await runSft([...args, ...more]);
      const findings = JSON.parse(stdout) as { rule: string; severity: string; message: string }[];
      return { exitCode, found: findings.filter(({ rule }) => rule === "over-long").map(({ severity, message }) => [severity, message]) };
    };
    // Training refuses the row unless a length or a truncation is chosen.
    expect(await overLong()).toEqual({
      exitCode: 1,
      found: [["error", expect.stringMatching(/^\d+ tokens, the model has 512 positions: training stops at this row\.$/)]],
    });
    expect(await overLong("--max-length", "128")).toEqual({
      exitCode: 0,
      found: [["warning", expect.stringMatching(/the limit is 128: the row is dropped\.$/)]],
    });
    expect(await overLong("--max-length", "5000")).toEqual({ exitCode: 0, found: [] });
  });

  test("looks at the machine", async () => {
    const { exitCode, stdout } = await runSft(["doctor", "--json"]);
    const checks = JSON.parse(stdout) as { name: string; state: string; found: string }[];
    expect(checks.map(({ name }) => name)).toEqual(["node", "processor", "memory", "backend cpu", "backend webgpu"]);
    expect(checks[0]).toEqual({ name: "node", state: "ok", found: process.versions.node });
    expect(checks[3]!.state).toBe("ok");
    expect(exitCode).toBe(0);
  });

  test("finds what spoils rows, and places it in SARIF by line", async () => {
    const folder = await testFolder();
    const path = join(folder, "rows.jsonl");
    await writeFile(
      path,
      '{"instruction": "Define love.", "output": "A feeling."}\n{"instruction": "Say <|im_end|> twice.", "output": "No."}\n',
    );
    const { stdout } = await runSft(["doctor", "--data", path, "--tokenizer", dictionary.model, "--sarif"]);
    const [run] = (
      JSON.parse(stdout) as {
        runs: { results: { ruleId: string; locations: { physicalLocation: { region: { startLine: number } } }[] }[] }[];
      }
    ).runs;
    const injected = run!.results.find(({ ruleId }) => ruleId.includes("control-token"));
    expect(injected?.locations[0]!.physicalLocation.region.startLine).toBe(2);
  });
});

describe.concurrent("sft bench and schema", () => {
  test("bench train prints the figures by their stable names; what ran needed what was planned", async () => {
    const folder = await testFolder();
    await mkdir(join(folder, "model"));
    const config = JSON.parse(await readFile(join(dictionary.model, "config.json"), "utf8")) as object;
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, num_hidden_layers: 1, vocab_size: 64 }));
    const { stdout, stderr } = await runSft([
      "bench",
      "train",
      "--model",
      join(folder, "config.json"),
      "--batch",
      "2",
      "--seq",
      "16",
      "--steps",
      "1",
      "--backend",
      "cpu",
      "--json",
    ]);
    expect(stderr).toBe("");
    const figures = JSON.parse(stdout) as Record<string, number>;
    expect(Object.keys(figures)).toEqual([
      "tokensPerSecond",
      "msPerStep",
      "peakBytes",
      "plannedBytes",
      "flopsPerSecond",
      "backend",
      "adapter",
    ]);
    expect(figures.tokensPerSecond).toBeCloseTo((1000 * 2 * 16) / figures.msPerStep!, 6);
    expect(figures.peakBytes).toBeGreaterThanOrEqual(figures.plannedBytes! * 0.9);
  });

  test("bench train refuses rows for which the model has no positions, and a model that is not there", async () => {
    const train = ["bench", "train", "--backend", "cpu", "--batch", "1", "--steps", "1", "--model"];
    const [long, gone] = await Promise.all([
      runSft([...train, dictionary.model, "--seq", "5000"]),
      runSft([...train, join(await testFolder(), "config.json")]),
    ]);
    expect([long.exitCode, long.stdout]).toEqual([2, ""]);
    expect(long.stderr).toContain("--seq 5000 is longer than the model's 512 positions");
    expect([gone.exitCode, gone.stdout]).toEqual([1, ""]);
    expect(gone.stderr).toContain("config.json");
    expect(gone.stderr).not.toContain("the operating system refused");
  });

  test("bench gemm", async () => {
    const { stdout } = await runSft([
      "bench",
      "gemm",
      "--m",
      "33",
      "--n",
      "17",
      "--k",
      "65",
      "--layout",
      "tn",
      "--repeats",
      "1",
      "--backend",
      "cpu",
      "--json",
    ]);
    const { flopsPerSecond, msPerRun, ...rest } = JSON.parse(stdout) as { flopsPerSecond: number; msPerRun: number };
    expect(rest).toMatchObject({ m: 33, n: 17, k: 65, layout: "tn", dtype: "f32", backend: "cpu" });
    expect(flopsPerSecond).toBeCloseTo((2 * 33 * 17 * 65) / (msPerRun / 1000), 3);
  });

  test("the schema describes every key of a recipe", async () => {
    const schema = JSON.parse((await runSft(["schema"])).stdout) as {
      properties: Record<string, { description?: string }>;
      required: string[];
      additionalProperties: boolean;
    };
    expect(Object.keys(schema.properties).sort()).toEqual([...runConfigKeys].sort());
    for (const [key, { description }] of Object.entries(schema.properties)) expect(description, key).toBeTruthy();
    expect(schema.required).toEqual(["base_model", "datasets"]);
    expect(schema.additionalProperties).toBe(false);
  });
});
