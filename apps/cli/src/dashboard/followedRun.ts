import { open } from "node:fs/promises";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { formatDuration } from "../progress/duration.ts";
import { MetricsLog } from "../report/metricsLog.ts";
import { readAround, type Run } from "../report/readRun.ts";
import { maxStepsOf, secondsOf, stateOf, type RunState } from "../report/runState.ts";
import { median } from "../report/runSummary.ts";
import { runFiles } from "../runFolder/runFolder.ts";

/** A run as the dashboard lists it; null where it does not say. */
export interface RunRow {
  readonly name: string;
  readonly state: RunState;
  readonly step: number;
  readonly maxSteps: number | null;
  readonly loss: number | null;
  readonly heldOutLoss: number | null;
  /** Median of the last 20 steps. */
  readonly tokensPerSecond: number | null;
  readonly timeLeft: string | null;
  /** ms since 1970. */
  readonly changedAt: number;
  /** Measurements of each kind, and how often some of those told before were taken back. */
  readonly steps: number;
  readonly heldOut: number;
  readonly generation: number;
}

/** Follows one run's folder: of metrics.jsonl, each look reads only what has been added since the last. */
export class FollowedRun {
  readonly name: string;
  readonly folder: string;
  log: MetricsLog = new MetricsLog();
  generation: number;
  private decoder = new StringDecoder("utf8");
  private offset = 0;
  private inode = -1;
  private changedAt = 0;
  private around: Omit<Run, "name" | "folder" | "log" | "changedAt"> | undefined;

  constructor(name: string, folder: string, generation = 0) {
    this.name = name;
    this.folder = folder;
    this.generation = generation;
  }

  /** @param now ms since 1970 */
  async look(now: number): Promise<RunRow> {
    const hasGrown = await this.readGrowth();
    if (hasGrown || this.around === undefined || this.state(now) === "running") this.around = await readAround(this.folder, this.log);
    return this.row(now);
  }

  private async readGrowth(): Promise<boolean> {
    await using file = await open(join(this.folder, runFiles.metrics));
    const { size, ino, mtimeMs } = await file.stat();
    this.changedAt = mtimeMs;
    // A run that is resumed or replaced writes the file anew.
    if (ino !== this.inode || size < this.offset) this.restart(ino);
    if (size === this.offset) return false;
    const { rewinds } = this.log;
    for await (const chunk of file.createReadStream({ start: this.offset, end: size - 1, autoClose: false })) {
      this.offset += (chunk as Buffer).length;
      this.log.append(this.decoder.write(chunk as Buffer));
    }
    this.generation += this.log.rewinds - rewinds;
    return true;
  }

  private restart(inode: number): void {
    if (this.inode !== -1) this.generation++;
    this.inode = inode;
    this.offset = 0;
    this.log = new MetricsLog();
    this.decoder = new StringDecoder("utf8");
  }

  private state(now: number): RunState {
    const run = this.run();
    return stateOf(run, maxStepsOf(run), now);
  }

  private run(): Run {
    const { name, folder, log, changedAt } = this;
    return { name, folder, log, changedAt, ...(this.around ?? { config: {}, checkpoints: [], samples: [], warnings: [] }) };
  }

  private row(now: number): RunRow {
    const run = this.run();
    const { steps, heldOut } = this.log;
    const maxSteps = maxStepsOf(run);
    const state = stateOf(run, maxSteps, now);
    const recent = steps.slice(-20);
    const step = steps.at(-1)?.step ?? 0;
    const seconds = median(recent.map(secondsOf));
    return {
      name: this.name,
      state,
      step,
      maxSteps: maxSteps ?? null,
      loss: finiteOr(steps.at(-1)?.loss),
      heldOutLoss: finiteOr(heldOut.at(-1)?.loss),
      tokensPerSecond: median(recent.map(({ tokensPerSecond }) => tokensPerSecond)),
      timeLeft:
        state === "running" && maxSteps !== undefined && seconds !== null ? formatDuration((maxSteps - step) * seconds * 1000) : null,
      changedAt: this.changedAt,
      steps: steps.length,
      heldOut: heldOut.length,
      generation: this.generation,
    };
  }
}

const finiteOr = (value: number | undefined): number | null => (value !== undefined && Number.isFinite(value) ? value : null);
