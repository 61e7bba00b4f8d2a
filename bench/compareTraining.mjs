// Training steps of ours and of PyTorch, one after the other on one GPU, as a table with ratios beside those asked for.
//   node bench/compareTraining.mjs [--only PATTERN] [--repeats N] [--seconds LIMIT] -- COMMAND THAT RUNS src/gpuTrain.ts
// For instance: node bench/compareTraining.mjs --only "135m|0.5b" -- npx tsx --conditions @sft/source bench/src/gpuTrain.ts
// Each process gives the median of three rounds of four steps; with --repeats each row is the median of N processes of either side,
// taken in turns. After --seconds no further row is begun, and the table says so. PATTERN is matched against a row's first column.
// The last column is the GPU's clock and power at work, ours / theirs, and the share of the time that its power limit held the clock down.
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { clockAndPower, watchGpu } from "./gpuClock.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const split = process.argv.indexOf("--");
const ours = process.argv.slice(split + 1);
const { values } = parseArgs({
  args: process.argv.slice(2, split),
  options: {
    only: { type: "string", default: "" },
    repeats: { type: "string", default: "1" },
    seconds: { type: "string", default: "3600" },
  },
});
const [repeats, seconds] = [Number(values.repeats), Number(values.seconds)];
const started = performance.now();

/** Model, method, batch, sequence, the speed ratio asked for, and "recompute" where activations are computed again. */
const rows = [
  ["smollm2-135m", "full", 8, 1024, 1.5],
  ["smollm2-135m", "full", 16, 1024, 1.0],
  ["smollm2-135m", "lora", 8, 1024, 2.0],
  ["qwen2.5-0.5b", "lora", 8, 1024, 1.2],
  ["llama-3.2-1b", "lora", 8, 1024, 1.0],
  ["llama-3.2-1b", "full", 8, 1024, 0.8],
  ["llama-3.1-8b", "lora", 4, 1024, 0.6, "recompute"],
]
  .map(([model, method, batch, sequence, asked, recompute]) => ({
    name: `${model} ${method} ${batch} x ${sequence}${recompute ? ", recomputing" : ""}`,
    given: [join(here, "models", `${model}.json`), method, batch, sequence],
    flags: recompute ? [recompute] : [],
    asked,
  }))
  .filter(({ name }) => new RegExp(values.only).test(name));

function measure(command, given) {
  try {
    const { result, gpu } = watchGpu(() =>
      execFileSync(command[0], [...command.slice(1), ...given.map(String)], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 150_000,
      }),
    );
    const lines = result.trim().split("\n");
    return { ...JSON.parse(lines.findLast((line) => line.startsWith("{"))), gpu };
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

/** The result of median speed, or the first failure. */
function median(results) {
  const failure = results.find(({ failed }) => failed);
  return failure ?? results.toSorted((a, b) => a.milliseconds - b.milliseconds)[Math.floor((results.length - 1) / 2)];
}

const shown = (result) =>
  result.failed
    ? `failed: ${result.failed}`
    : `${Math.round(result.tokensPerSecond)} (${result.milliseconds.toFixed(1)} ms, ${(result.peakBytes / 2 ** 30).toFixed(1)} GiB)`;
console.log(
  "| model, method, batch x sequence | ours, mixed: tokens/s | host, ms a step | PyTorch, bf16: tokens/s | speed ratio | asked for | memory ratio | clock, power, held down |\n|---|---|---|---|---|---|---|---|",
);
for (const { name, given, flags, asked } of rows) {
  if ((performance.now() - started) / 1000 > seconds) {
    console.log(`| ${name} | not run: ${seconds} seconds were over | | | | ${asked} | | |`);
    continue;
  }
  const pairs = Array.from({ length: repeats }, () => [
    measure(ours, [...given, "mixed", "json", ...flags]),
    measure(["python3", join(here, "pytorchStep.py")], [...given, ...flags]),
  ]);
  const [mine, theirs] = [0, 1].map((side) => median(pairs.map((pair) => pair[side])));
  const ratio = (field) => (mine.failed || theirs.failed ? "" : (mine[field] / theirs[field]).toFixed(2));
  const host = mine.failed
    ? ""
    : `${mine.hostMilliseconds.toFixed(1)} (${((100 * mine.hostMilliseconds) / mine.milliseconds).toFixed(0)} %)`;
  console.log(
    `| ${name} | ${shown(mine)} | ${host} | ${shown(theirs)} | ${ratio("tokensPerSecond")} | ${asked} | ${ratio("peakBytes")} | ${clockAndPower(mine.gpu)} / ${clockAndPower(theirs.gpu)} |`,
  );
}
