import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { usageError } from "../failure/cliError.ts";
import { findCheckpoints, runFiles, type SavedStep } from "../runFolder/runFolder.ts";
import { promptSettingsFile } from "../runFolder/promptSettings.ts";
import type { Sample } from "../samples/sampleTable.ts";
import { MetricsLog } from "./metricsLog.ts";

/** A run as its folder tells it. */
export interface Run {
  /** As it was given, or relative to the folder that was looked through. */
  readonly name: string;
  /** Absolute path. */
  readonly folder: string;
  /** Keys of config.yaml, taken as they stand: a run of another version may have others. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly log: MetricsLog;
  /** Oldest first. */
  readonly checkpoints: readonly SavedStep[];
  readonly samples: readonly Sample[];
  readonly template?: string;
  readonly maskPolicy?: string;
  /** When metrics.jsonl was last written, in ms since 1970. */
  readonly changedAt: number;
  /** What could not be read, with its place. */
  readonly warnings: readonly string[];
}

/**
 * Reads a run's folder.
 * @throws CliError "not-found" when `name` is no run's folder
 */
export async function readRun(name: string, cwd: string): Promise<Run> {
  const folder = resolve(cwd, name);
  const metrics = join(folder, runFiles.metrics);
  const [text, changedAt] = await Promise.all([readFile(metrics, "utf8"), stat(metrics).then(({ mtimeMs }) => mtimeMs)]).catch(
    async (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT" && cause.code !== "ENOTDIR") throw cause;
      throw await noRun(name, folder);
    },
  );
  const log = new MetricsLog();
  log.append(text);
  log.end();
  return { name, folder, log, changedAt, ...(await readAround(folder, log)) };
}

/** What lies around metrics.jsonl in a run's folder. */
export async function readAround(folder: string, log: MetricsLog): Promise<Omit<Run, "name" | "folder" | "log" | "changedAt">> {
  const warnings = log.damaged.map(({ line, reason }) => `${join(folder, runFiles.metrics)}:${line}: ${reason}; the line is skipped`);
  const read = async <T>(path: string, fallback: T, take: (text: string) => T): Promise<T> => {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) return fallback;
    try {
      return take(text);
    } catch (error) {
      warnings.push(`${path}: ${(error as Error).message.split("\n")[0]}; the file is left out`);
      return fallback;
    }
  };
  const checkpoints = await findCheckpoints(folder);
  const config = await read(join(folder, runFiles.config), {}, mappingIn);
  const samples = await read(join(folder, runFiles.samples), [], samplesIn);
  const newest = checkpoints.at(-1);
  const prompt = newest === undefined ? {} : await read(join(newest.path, promptSettingsFile), {}, promptIn);
  return { config, samples, checkpoints, ...prompt, warnings };
}

function mappingIn(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = parse(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error("expected the keys of a recipe");
  return value as Record<string, unknown>;
}

function samplesIn(text: string): readonly Sample[] {
  const value: unknown = JSON.parse(text);
  const isSample = (sample: Partial<Sample> | null): boolean =>
    [sample?.prompt, sample?.reference, sample?.before?.text, sample?.after?.text].every((part) => typeof part === "string");
  if (!Array.isArray(value) || !value.every(isSample)) throw new Error("expected a list of {prompt, reference, before, after}");
  return value as readonly Sample[];
}

function promptIn(text: string): Pick<Run, "template" | "maskPolicy"> {
  const { template, mask_policy: maskPolicy } = JSON.parse(text) as { template?: { name?: unknown }; mask_policy?: unknown };
  if (typeof template?.name !== "string" || typeof maskPolicy !== "string") throw new Error("expected template.name and mask_policy");
  return { template: template.name, maskPolicy };
}

async function noRun(name: string, folder: string): Promise<Error> {
  const names = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  const runs: string[] = [];
  for (const entry of names ?? [])
    if (entry.isDirectory() && (await readdir(join(folder, entry.name)).catch((): string[] => [])).includes(runFiles.metrics))
      runs.push(entry.name);
  const isCheckpoint = /^checkpoint-\d+$/.test(basename(folder));
  return usageError(
    "not-found",
    `${name}: expected the folder of a run, with ${runFiles.metrics} in it; ${names === undefined ? "there is no such folder" : "it has none"}.`,
    isCheckpoint
      ? `This is one of a run's checkpoints: give ${dirname(name)}.`
      : runs.length > 0
        ? `Give one of the runs in it: ${runs
            .slice(0, 5)
            .map((run) => join(name, run))
            .join(", ")}${runs.length > 5 ? ", ..." : ""}.`
        : "Give the output_dir of a recipe that was trained.",
  );
}
