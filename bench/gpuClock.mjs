// Clock and power of this machine's NVIDIA GPU while something runs on it, as nvidia-smi tells them 20 times a second.
//   node bench/gpuClock.mjs COMMAND...
import { execFileSync, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const asked = ["clocks.sm", "power.draw.instant", "clocks_event_reasons.sw_power_cap"];

/**
 * Runs `work` and gives what it returns, and of the samples that draw more than halfway between the least and the most power (so that
 * loading and waiting do not count): the median clock in MHz, the median power in W, and the share of them in which the power limit held the clock
 * down. Without nvidia-smi, or with less than five such samples, `gpu` is undefined. `work` may block.
 */
export function watchGpu(work) {
  const folder = mkdtempSync(join(tmpdir(), "gpu-clock-"));
  const file = openSync(join(folder, "samples.csv"), "w");
  const watcher = spawn("nvidia-smi", [`--query-gpu=${asked.join()}`, "--format=csv,noheader,nounits", "-lms", "50", "-i", "0"], {
    stdio: ["ignore", file, "ignore"],
  });
  watcher.on("error", () => undefined);
  // Where it was never started, a kill would reach this process's own group.
  const stop = () => watcher.pid !== undefined && watcher.kill();
  try {
    const result = work();
    stop();
    return { result, gpu: atWork(readFileSync(join(folder, "samples.csv"), "utf8")) };
  } finally {
    stop();
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

function atWork(csv) {
  const samples = csv
    .split("\n")
    .map((line) => line.split(",").map((cell) => cell.trim()))
    .filter(([clock, power]) => Number(clock) > 0 && Number(power) > 0)
    .map(([clock, power, capped]) => ({ clock: Number(clock), power: Number(power), capped: capped === "Active" }));
  const powers = samples.map(({ power }) => power);
  const halfway = (Math.min(...powers) + Math.max(...powers)) / 2;
  const busy = samples.filter(({ power }) => power > halfway);
  if (busy.length < 5) return undefined;
  const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
  return {
    megahertz: median(busy.map(({ clock }) => clock)),
    watts: median(busy.map(({ power }) => power)),
    capped: busy.filter(({ capped }) => capped).length / busy.length,
  };
}

/** Of a run: clock, power, and how much of the time the power limit held the clock down. */
export function clockAndPower(gpu) {
  return gpu ? `${gpu.megahertz} MHz, ${gpu.watts.toFixed(0)} W, ${(100 * gpu.capped).toFixed(0)} %` : "not known";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...given] = process.argv.slice(2);
  const { gpu } = watchGpu(() => execFileSync(command, given, { stdio: "inherit" }));
  console.log(`at work (clock, power, share of the time at the power limit): ${clockAndPower(gpu)}`);
}
