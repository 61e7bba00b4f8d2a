import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../failure/cliError.ts";

/** A saved step of a run. */
export interface SavedStep {
  readonly step: number;
  readonly path: string;
}

/** What a run writes at the top of its folder, besides checkpoints. */
export const runFiles = { config: "config.yaml", metrics: "metrics.jsonl", samples: "samples.json" } as const;

/** Checkpoints of a run folder, oldest first; none when there is no such folder. */
export async function findCheckpoints(folder: string): Promise<SavedStep[]> {
  return (await namesIn(folder))
    .flatMap((name) => {
      const step = /^checkpoint-(\d+)$/.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), path: join(folder, name) }];
    })
    .sort((a, b) => a.step - b.step);
}

/** How a run enters its folder. */
export type Entry = { readonly kind: "new" } | { readonly kind: "overwrite" } | { readonly kind: "resume"; readonly from: SavedStep };

/**
 * Decides how a run may enter `folder`, without touching it. `resume` is a checkpoint, or "auto" for the newest one.
 * @throws CliError "output-folder-in-use", "nothing-to-resume"
 */
export async function decideEntry(
  folder: string,
  options: { readonly resume?: string | undefined; readonly overwrite: boolean },
): Promise<Entry> {
  const checkpoints = await findCheckpoints(folder);
  if (options.resume !== undefined) {
    const wanted = options.resume;
    const from = wanted === "auto" ? checkpoints.at(-1) : checkpointAt(wanted);
    if (!from)
      throw new CliError(
        "nothing-to-resume",
        `${wanted === "auto" ? folder : wanted} holds no checkpoint to go on from.`,
        "Give a checkpoint-<step> folder, or leave --resume out to begin anew.",
        { usage: true },
      );
    return { kind: "resume", from };
  }
  const holdsRun = checkpoints.length > 0 || (await namesIn(folder)).some((name) => name === runFiles.config || name === runFiles.metrics);
  if (!holdsRun) return { kind: "new" };
  if (options.overwrite) return { kind: "overwrite" };
  const newest = checkpoints.at(-1);
  throw new CliError(
    "output-folder-in-use",
    `${folder} holds another run${newest ? `, saved up to step ${newest.step}` : ""}.`,
    "Give another --output-dir, go on from it with --resume auto, or replace it with --overwrite.",
    { usage: true },
  );
}

/** Removes what a run wrote; other files in the folder stay. */
export async function clearRun(folder: string): Promise<void> {
  const paths = [...Object.values(runFiles).map((name) => join(folder, name)), ...(await findCheckpoints(folder)).map(({ path }) => path)];
  for (const path of paths) await rm(path, { recursive: true, force: true });
}

/** Removes the oldest checkpoints until `limit` are left. */
export async function pruneCheckpoints(folder: string, limit: number): Promise<void> {
  const checkpoints = await findCheckpoints(folder);
  for (const { path } of checkpoints.slice(0, Math.max(0, checkpoints.length - limit))) await rm(path, { recursive: true, force: true });
}

function checkpointAt(path: string): SavedStep | undefined {
  const step = /checkpoint-(\d+)\/?$/.exec(path)?.[1];
  return step === undefined ? undefined : { step: Number(step), path };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    if (code === "ENOTDIR")
      throw new CliError("output-folder-in-use", `${folder} is a file, or lies inside one.`, "Give another --output-dir.", {
        usage: true,
        cause: error,
      });
    throw error;
  }
}
