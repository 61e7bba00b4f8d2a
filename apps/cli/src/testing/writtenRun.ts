import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A line of metrics.jsonl; a loss that was not finite is null there. */
export const stepLine = (step: number, loss: number | null): string =>
  `${JSON.stringify({ step, epoch: step / 4, loss, grad_norm: 1, learning_rate: 1e-3, tokens_per_second: 50, tokens: 100, supervised_tokens: 25 })}\n`;

export const heldOutLine = (step: number, loss: number | null): string =>
  `${JSON.stringify({ step, epoch: step / 4, eval_loss: loss, eval_runtime: 1 })}\n`;

/** A run's folder below `root`. @returns the path of its metrics.jsonl */
export async function writtenRun(root: string, name: string, metrics: string, maxSteps: number): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.yaml"), `base_model: m\nmax_steps: ${maxSteps}\n`);
  await writeFile(join(folder, "metrics.jsonl"), metrics);
  return join(folder, "metrics.jsonl");
}
