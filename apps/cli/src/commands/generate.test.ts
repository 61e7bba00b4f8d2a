import { expect, test } from "vitest";
import { dictionary, finished, runSft, startSft } from "../testing/runSft.ts";

test("Ctrl-C ends an answer between two tokens: what was said ends its line, and the exit code says so", async () => {
  const question = ["--prompt", "It was a dark night, and", "--template", "default", "--repetition-penalty", "1.3"];
  const child = startSft(["generate", "--model", dictionary.model, "--backend", "cpu", "--max-new-tokens", "450", ...question]);
  const ending = finished(child);
  child.stdout.once("data", () => child.kill("SIGINT"));
  const { exitCode, stdout, stderr } = await ending;
  expect([exitCode, stderr]).toEqual([130, ""]);
  expect(stdout).toMatch(/^.+\n$/);
  // The whole answer has some 1,900 characters.
  expect(stdout.length).toBeLessThan(600);
});

test("a question beside those of rows is refused, not passed over", async () => {
  const asked = await runSft(["generate", "--model", dictionary.model, "--data", dictionary.test, "--system", "Be terse."]);
  expect([asked.exitCode, asked.stdout]).toEqual([2, ""]);
  expect(asked.stderr).toContain("--data asks the questions of rows, and --system would not be asked.");
});

test("a file in a model's place is refused as one", async () => {
  const { exitCode, stderr } = await runSft(["generate", "--model", `${dictionary.model}/config.json`, "--prompt", "a"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`expected ${dictionary.model}/config.json to be a folder; it is a file`);
});

test("an answer without a word is told from a program that says nothing", async () => {
  const asked = ["--prompt", "Say hello to the customer.", "--template", "alpaca", "--backend", "cpu"];
  const { exitCode, stdout, stderr } = await runSft(["generate", "--model", dictionary.model, ...asked]);
  expect([exitCode, stdout, stderr]).toEqual([0, "\n", "note: the model ended its answer at once\n"]);
});
