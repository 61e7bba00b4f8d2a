import { describe, expect, test } from "vitest";
import { dictionary, finished, runSft, startSft } from "../testing/runSft.ts";

const chat = (input: string, ...flags: readonly string[]): ReturnType<typeof runSft> =>
  runSft(["chat", "--model", dictionary.model, "--backend", "cpu", "--max-new-tokens", "2", ...flags], { input });

describe.concurrent("sft chat", () => {
  test("answers line by line, and goes on when a conversation has outgrown the model", async () => {
    const { exitCode, stdout, stderr } = await chat(`Hello.\n${"word ".repeat(600)}\nHello.\n/new\nHello.\n/quit\n`);
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\(this conversation has \d+ tokens, and the model reads 512: the question is left out; \/new begins another\)/);
    expect(stdout.match(/model> /g)).toHaveLength(3);
  });

  test("an answer without a word is told from silence", async () => {
    const { stdout } = await chat("Say hello to the customer.\n/quit\n", "--template", "alpaca");
    expect(stdout).toContain("model> (ended its answer at once)\n");
  });

  test("/help says what else can be typed, and is no question", async () => {
    const { stdout } = await chat("/help\n/quit\n");
    expect(stdout).toBe("you  > Ctrl-C stops an answer, /new forgets the conversation, /quit or Ctrl-D ends it.\nyou  > ");
  });

  test("Ctrl-C stops an answer between two tokens, and the conversation goes on", async () => {
    const long = ["--template", "default", "--max-new-tokens", "450", "--repetition-penalty", "1.3"];
    const child = startSft(["chat", "--model", dictionary.model, "--backend", "cpu", ...long]);
    const ending = finished(child);
    let said = "";
    child.stdout.on("data", (text: string) => {
      said += text;
      // The first words of the first answer, which alone would fill the model; then the prompt after it.
      if (said.length > 60 && !child.killed) child.kill("SIGINT");
      if (said.lastIndexOf("you  > ") > 0 && child.stdin.writable) child.stdin.end("/quit\n");
    });
    child.stdin.write("It was a dark night, and\n");
    const { exitCode, stdout, stderr } = await ending;
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout.length).toBeLessThan(600);
    expect(stdout.match(/you {2}> /g)).toHaveLength(2);
  });

  test("a flag that cannot be is refused before the model is asked", async () => {
    const { exitCode, stdout, stderr } = await chat("Hello.\n", "--temperature", "hot");
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain('--temperature: expected a number from 0 on, got "hot".');
  });
});
