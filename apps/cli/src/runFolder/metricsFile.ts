import { writeFileAtomic } from "@sft/checkpoint";
import type { TrainingEvent } from "@sft/trainer";
import { appendFile, readFile } from "node:fs/promises";

/** One line of metrics.jsonl, under Hugging Face's names; undefined for events that are no measurement. */
export function metricsLine(event: TrainingEvent): Readonly<Record<string, number>> | undefined {
  switch (event.type) {
    case "step": {
      const { step, epoch, loss, gradNorm, learningRate, tokensPerSecond, tokens, supervisedTokens } = event;
      return {
        step,
        epoch,
        loss,
        grad_norm: gradNorm,
        learning_rate: learningRate,
        tokens_per_second: tokensPerSecond,
        tokens,
        supervised_tokens: supervisedTokens,
      };
    }
    case "evaluation":
      return { step: event.step, epoch: event.epoch, eval_loss: event.loss, eval_runtime: event.milliseconds / 1000 };
    default:
      return undefined;
  }
}

/** Appends a measurement; lines are whole at any moment but a crash of the machine. */
export async function appendMetrics(path: string, line: Readonly<Record<string, number>>): Promise<void> {
  // JSON has no NaN or infinity: a loss that is not finite is written as null.
  await appendFile(path, `${JSON.stringify(line)}\n`);
}

/** Drops the lines of steps after `lastStep`, which a resumed run will write again; makes the file when there is none. */
export async function rewindMetrics(path: string, lastStep: number): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => "");
  const kept = text.split("\n").filter((line) => line !== "" && stepOf(line) <= lastStep);
  await writeFileAtomic(path, kept.map((line) => `${line}\n`).join(""));
}

/** A line that a crash cut short belongs to no step that was saved. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { step: number }).step;
  } catch {
    return Infinity;
  }
}
