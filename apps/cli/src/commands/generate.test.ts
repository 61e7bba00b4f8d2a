import { expect, test } from "vitest";
import { dictionary, finished, startSft } from "../testing/runSft.ts";

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
