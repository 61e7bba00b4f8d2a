// Training steps of ours and of PyTorch, one after the other on one GPU, as a table with ratios.
//   node bench/compareTraining.mjs [--only 135m] -- COMMAND THAT RUNS src/gpuTrain.ts
// For instance: node bench/compareTraining.mjs -- npx tsx --conditions @sft/source bench/src/gpuTrain.ts
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const split = process.argv.indexOf("--");
const ours = process.argv.slice(split + 1);
const only = process.argv[2] === "--only" ? process.argv[3] : "";
const settings = [
  ["smollm2-135m", "full", 8, 1024],
  ["smollm2-135m", "full", 16, 1024],
  ["smollm2-135m", "lora", 8, 1024],
  ["qwen2.5-0.5b", "lora", 8, 1024],
  ["llama-3.2-1b", "lora", 8, 1024],
  ["llama-3.2-1b", "full", 8, 1024],
  ["llama-3.1-8b", "lora", 4, 1024, "recompute"],
].filter(([model]) => model.includes(only));

function measure(command, given) {
  try {
    const lines = execFileSync(command[0], [...command.slice(1), ...given.map(String)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 150_000,
    })
      .trim()
      .split("\n");
    return JSON.parse(lines.findLast((line) => line.startsWith("{")));
  } catch (error) {
    return {
      failed: String(error.stderr || error.message)
        .trim()
        .split("\n")
        .findLast((line) => line.trim() !== "")
        ?.slice(0, 120),
    };
  }
}

const shown = (result) =>
  result.failed
    ? `failed: ${result.failed}`
    : `${Math.round(result.tokensPerSecond)} (${result.milliseconds.toFixed(1)} ms, ${(result.peakBytes / 2 ** 30).toFixed(1)} GiB)`;
console.log(
  "| model, method, batch x sequence | ours, mixed: tokens/s | PyTorch, bf16: tokens/s | speed ratio | memory ratio |\n|---|---|---|---|---|",
);
for (const [model, method, batch, sequence, recompute] of settings) {
  const file = join(here, "models", `${model}.json`);
  const mine = measure(ours, [file, method, batch, sequence, "mixed", "json", ...(recompute ? ["recompute"] : [])]);
  const theirs = measure(["python3", join(here, "pytorchStep.py")], [file, method, batch, sequence, ...(recompute ? ["recompute"] : [])]);
  const ratio = (field) => (mine.failed || theirs.failed ? "" : (mine[field] / theirs[field]).toFixed(2));
  console.log(
    `| ${model} ${method} ${batch} x ${sequence}${recompute ? ", recomputing" : ""} | ${shown(mine)} | ${shown(theirs)} | ${ratio("tokensPerSecond")} | ${ratio("peakBytes")} |`,
  );
}
