import { describe, expect, test } from "vitest";
import { dictionary, runSft } from "../testing/runSft.ts";

const base = ["plan", "--base-model", dictionary.model, "--data", dictionary.train, "--micro-batch-size", "4", "--sequence-len", "128"];

async function planned(...flags: string[]): Promise<Record<string, number>> {
  const { stdout, stderr } = await runSft([...base, ...flags, "--json"]);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Record<string, number>;
}

describe.concurrent("sft plan", () => {
  test("counts what every method keeps", async () => {
    const [full, offloaded, lora, qlora, mixed] = await Promise.all([
      planned("--adapter", "none"),
      planned("--adapter", "none", "--offload-optimizer", "cpu"),
      planned(),
      planned("--qlora"),
      planned("--precision", "mixed"),
    ]);
    // 3.8 million parameters of 4 bytes: AdamW keeps two moments of each.
    expect(full!.optimizer! / full!.weights!).toBeCloseTo(2, 1);
    expect(offloaded!.host! / full!.optimizer!).toBeCloseTo(1, 1);
    expect(lora!.gradients).toBeLessThan(full!.gradients! / 10);
    expect(qlora!.weights).toBeLessThan(lora!.weights! / 2);
    expect(mixed!.weights! / lora!.weights!).toBeCloseTo(0.5, 1);
    expect(mixed!.activations).toBeLessThan(lora!.activations!);
    for (const plan of [full, offloaded, lora, qlora, mixed])
      expect(plan!.peak).toBe(plan!.weights! + plan!.gradients! + plan!.optimizer! + plan!.activations! + plan!.inputs!);
  });

  test("says whether it fits, and what else to try", async () => {
    const small = await runSft([...base, "--adapter", "none", "--budget", "1MB"]);
    expect(small.exitCode).toBe(1);
    expect(small.stderr).toMatch(
      /The plan needs [\d.]+ MB, the budget is 1\.0 MB\.\nTry gradient_checkpointing: true, .*offload_optimizer: cpu or adapter: lora\./,
    );
    const large = await runSft([...base, "--budget", "2GB", "--json"]);
    expect([large.exitCode, JSON.parse(large.stdout).fits]).toEqual([0, true]);
  });
});
