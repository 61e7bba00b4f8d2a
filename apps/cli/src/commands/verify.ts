import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { resolve } from "node:path";
import { backendOf } from "../model/modelFlags.ts";
import { selectBackend } from "../backend/selectBackend.ts";
import { usageError } from "../failure/cliError.ts";
import { booleanOf } from "../flagValues.ts";
import { verifyFolder, type FolderVerification } from "../verify/verifyFolder.ts";
import type { CaseComparison } from "../verify/compare.ts";

export const examples: readonly string[] = ["sft verify tooling/golden/models/llama", "sft verify golden/* --backend webgpu --json"];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "verify",
    description:
      "Compare logits, loss, every gradient, greedy tokens and optimiser steps with golden folders that PyTorch wrote. Exit code 1 when a bound is passed.",
  },
  args: {
    backend: { type: "string", default: "auto", description: "auto, webgpu, cpu, or a module" },
    precision: { type: "string", default: "float32", description: "float32, or mixed: float16 products with float32 sums" },
    json: { type: "boolean", description: "print one JSON array, an object a folder" },
  } as ArgsDef,
  async run({ args }) {
    const folders = args._.map(String);
    if (folders.length === 0)
      throw usageError(
        "missing-flag",
        "verify: expected at least one golden folder, got none.",
        "For example: sft verify tooling/golden/models/llama",
      );
    const json = booleanOf(args, "json");
    const backend = await selectBackend(backendOf(args), process.cwd());
    const results: FolderVerification[] = [];
    try {
      for (const folder of folders) {
        const result = await verifyFolder(resolve(folder), backend);
        results.push(result);
        if (!json) process.stdout.write(describe(result));
      }
    } finally {
      await backend.dispose();
    }
    if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
    if (results.some(({ pass }) => !pass)) process.exitCode = 1;
  },
});

export default command;

function describe(result: FolderVerification): string {
  const { bounds } = result;
  const lines = [`${result.pass ? "pass" : "FAIL"}  ${result.folder}  (${result.family}, ${result.backend}: ${result.adapter})`];
  for (const [name, one] of [
    ["base", result as CaseComparison],
    ["lora", result.lora],
    ["rslora", result.rslora],
    ["dora", result.dora],
  ] as const) {
    if (!one?.logits) continue;
    const { logits, loss, grads } = one;
    lines.push(
      `      ${name.padEnd(7)} logits ${scientific(logits.relL2)} (<= ${scientific(bounds.logits)})  loss off by ${scientific(Math.abs(loss.actual - loss.expected))} (<= ${scientific(bounds.loss)})  worst of ${grads.count} gradients ${scientific(grads.worst.relL2)} (<= ${scientific(bounds.grads)}) ${grads.worst.name}`,
    );
  }
  if (result.greedy) lines.push(`      greedy  ${result.greedy.match ? "24 tokens equal" : "tokens differ"}`);
  for (const [method, one] of Object.entries(result.trajectory ?? {})) {
    lines.push(
      `      steps   ${method}: loss off by at most ${scientific(one.maxLossDiff)} (<= ${bounds.trajectoryLoss}), gradient norm by ${scientific(one.maxGradNormRelDiff)} (<= ${bounds.trajectoryGradNorm})`,
    );
  }
  for (const reason of result.refused ?? []) lines.push(`      not compared: ${reason}`);
  return `${lines.join("\n")}\n`;
}

function scientific(value: number): string {
  return value.toExponential(1);
}
