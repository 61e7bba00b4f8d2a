import type { StepEvent, TrainingEvent } from "@sft/trainer";
import { describe, expect, test } from "vitest";
import { createReporter, type ReportStyle } from "./reporter.ts";

const step = (number: number, milliseconds = 1000): StepEvent => ({
  type: "step",
  step: number,
  epoch: number / 10,
  loss: 4 - number / 8,
  gradNorm: 1.5,
  learningRate: 1e-3,
  tokens: 200,
  supervisedTokens: 20,
  milliseconds,
  tokensPerSecond: 200,
});
const start: TrainingEvent = { type: "start", step: 0, maxSteps: 10, trainableParameters: 1234, backend: "cpu", adapter: "two threads" };
const evaluation: TrainingEvent = { type: "evaluation", step: 2, epoch: 0.2, loss: 3.5, supervisedTokens: 4738, milliseconds: 61_000 };
const end: TrainingEvent = { type: "end", step: 10, aborted: false, milliseconds: 125_000 };

function written(style: ReportStyle, events: readonly TrainingEvent[]): string {
  let text = "";
  const reporter = createReporter(style, (part) => (text += part), { columns: () => 80, loggingSteps: 2 });
  for (const event of events) reporter.event(event);
  reporter.say("said", { event: "said" });
  return text;
}

/** What a terminal shows after the text: the two control sequences that the live display uses, carried out. */
function screenAfter(text: string): string[] {
  const lines: string[] = [""];
  // oxlint-disable-next-line no-control-regex
  for (const part of text.split(/(\x1b\[\d+F|\x1b\[0J|\n)/)) {
    // oxlint-disable-next-line no-control-regex
    const up = /^\x1b\[(\d+)F$/.exec(part);
    if (up) lines.splice(lines.length - 1 - Number(up[1]), Infinity, "");
    else if (part === "\n") lines.push("");
    else if (part !== "\x1b[0J") lines[lines.length - 1] += part;
  }
  return lines;
}

describe("plain lines", () => {
  test("the first, every loggingSteps-th and the last step, with what is left at the mean of recent steps", () => {
    const lines = written("plain", [start, step(1), step(2, 3000), step(3), evaluation, step(10), end])
      .trimEnd()
      .split("\n");
    expect(lines).toEqual([
      "step  1/10  loss 3.8750  grad norm 1.500  lr 1.00e-3  200 tokens/s  9 s left",
      "step  2/10  loss 3.7500  grad norm 1.500  lr 1.00e-3  100 tokens/s  16 s left",
      "step 2: held-out loss 3.5000 over 4,738 tokens (1 min 01 s)",
      "step 10/10  loss 2.7500  grad norm 1.500  lr 1.00e-3  133 tokens/s  0 s left",
      "10 steps in 2 min 05 s",
      "said",
    ]);
  });

  test("a resumed run counts the steps that it did itself", () => {
    expect(written("plain", [{ ...start, step: 8 }, step(9), step(10), end])).toContain("\n2 steps in 2 min 05 s\n");
    expect(written("plain", [{ ...start, step: 9 }, step(10), end])).toContain("\n1 step in 2 min 05 s\n");
  });
});

describe("the live display", () => {
  test("is one block that is drawn over itself, under lines that stay", () => {
    const screen = screenAfter(written("live", [start, step(1), step(2), evaluation, step(3)]));
    expect(screen[0]).toBe("step 2: held-out loss 3.5000 over 4,738 tokens (1 min 01 s)");
    expect(screen[1]).toBe("said");
    expect(screen[2]).toMatch(/^━+ {2}3\/10 {2}7 s left$/);
    expect(screen[3]).toBe("loss 3.6250 █▅▁");
    expect(screen[4]).toBe("200 tokens/s  lr 1.00e-3  grad norm 1.500  held-out loss 3.5000");
    expect(screen).toHaveLength(6);
  });

  test("leaves its last state standing at the end", () => {
    const screen = screenAfter(written("live", [start, step(10), end]));
    expect(screen.slice(0, 2)).toEqual(["10 steps in 2 min 05 s", expect.stringMatching(/10\/10/)]);
    expect(screen.at(-2)).toBe("said");
  });
});

describe("machines and silence", () => {
  test("json: one object a line, measurements under Hugging Face's names", () => {
    const objects = written("json", [start, step(1), evaluation])
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(objects).toEqual([
      { event: "start", step: 0, maxSteps: 10, trainableParameters: 1234, backend: "cpu", adapter: "two threads" },
      {
        event: "step",
        step: 1,
        epoch: 0.1,
        loss: 3.875,
        grad_norm: 1.5,
        learning_rate: 1e-3,
        tokens: 200,
        supervised_tokens: 20,
        tokens_per_second: 200,
      },
      { event: "evaluation", step: 2, epoch: 0.2, eval_loss: 3.5, eval_runtime: 61 },
      { event: "said" },
    ]);
  });

  test("quiet: nothing", () => {
    expect(written("quiet", [start, step(1), end])).toBe("");
  });
});
