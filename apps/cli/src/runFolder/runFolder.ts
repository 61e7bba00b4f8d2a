import { checkFolderPlace } from "@sft/checkpoint";
import { readdir, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CliError } from "../failure/cliError.ts";
import { isInside } from "../merge/outputPlace.ts";

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

/** How a run enters its folder. `replaced` are checkpoints that go when it does. */
export type Entry =
  | { readonly kind: "new" }
  | { readonly kind: "overwrite"; readonly replaced: readonly SavedStep[] }
  | { readonly kind: "resume"; readonly from: SavedStep; readonly replaced: readonly SavedStep[] };

export interface EntryOptions {
  /** A checkpoint, or "auto" for the newest one. */
  readonly resume?: string | undefined;
  /** Whether what the folder holds of another run, or of another course of this one, may go. */
  readonly overwrite: boolean;
  /** Absolute paths that the run reads: none of them may go. */
  readonly reads?: readonly string[];
  /** Absolute path of the recipe, when there is one. */
  readonly recipe?: string | undefined;
}

/**
 * Decides how a run may enter `folder` (absolute), without touching it. A run that goes on from a checkpoint writes the
 * later ones anew, so those that are there belong to another course: they are in the way until `overwrite` gives them up.
 * @throws CliError "output-folder-in-use", "nothing-to-resume"; CheckpointError "not-writable"
 */
export async function decideEntry(folder: string, options: EntryOptions): Promise<Entry> {
  await refuseOwnFiles(folder, options);
  const entry = await findEntry(folder, options);
  await checkFolderPlace(folder);
  if (entry.kind === "new") return entry;
  for (const read of options.reads ?? []) {
    const source = await realpath(read).catch(() => read);
    for (const { path } of entry.replaced)
      if (isInside(source, await realpath(path)))
        throw inUse(`--overwrite would remove ${path}, and this run reads ${read}.`, "Give another --output-dir.");
  }
  return entry;
}

/** What a run writes at the top of its folder must be no file of the user's that this very run reads. */
async function refuseOwnFiles(folder: string, { reads = [], recipe }: EntryOptions): Promise<void> {
  const own = reads.find((path) => path === join(folder, runFiles.metrics) || path === join(folder, runFiles.samples));
  if (own !== undefined) throw inUse(`A run in ${folder} would write over ${own}, which it reads.`, "Give another --output-dir.");
  if (recipe !== join(folder, runFiles.config)) return;
  // A run's own config.yaml may be run again; one beside which no run ever was is the user's.
  const isOfRun = (await namesIn(folder)).includes(runFiles.metrics) || (await findCheckpoints(folder)).length > 0;
  if (!isOfRun)
    throw inUse(`A run in ${folder} would write over its recipe, ${recipe}.`, "Give another --output-dir, or rename the recipe.");
}

async function findEntry(folder: string, { resume, overwrite }: EntryOptions): Promise<Entry> {
  const checkpoints = await findCheckpoints(folder);
  const newest = checkpoints.at(-1);
  if (resume !== undefined) {
    const from = resume === "auto" ? newest : await checkpointAt(resume);
    if (!from)
      throw new CliError(
        "nothing-to-resume",
        `${resume === "auto" ? folder : resume} holds no checkpoint to go on from.`,
        "Give a checkpoint-<step> folder, or leave --resume out to begin anew.",
        { usage: true },
      );
    const isOwn = dirname(from.path) === folder;
    const replaced = isOwn ? checkpoints.filter(({ step }) => step > from.step) : checkpoints;
    if (replaced.length === 0 || overwrite) return { kind: "resume", from, replaced };
    throw inUse(
      isOwn
        ? `${folder} holds checkpoints behind step ${from.step}, up to step ${newest!.step}.`
        : `${folder} holds another run, saved up to step ${newest!.step}.`,
      `Give another --output-dir, ${isOwn ? "go on from the newest with --resume auto, " : ""}or remove them with --overwrite.`,
    );
  }
  const holdsRun = newest || (await namesIn(folder)).some((name) => name === runFiles.config || name === runFiles.metrics);
  if (!holdsRun) return { kind: "new" };
  if (overwrite) return { kind: "overwrite", replaced: checkpoints };
  throw inUse(
    `${folder} holds another run${newest ? `, saved up to step ${newest.step}` : ""}.`,
    `Give another --output-dir, ${newest ? "go on from it with --resume auto, " : ""}or replace it with --overwrite.`,
  );
}

const inUse = (message: string, hint: string): CliError => new CliError("output-folder-in-use", message, hint, { usage: true });

/** Makes room for a run: removes the checkpoints that it replaces, and what a killed run was about to save. Other files stay. */
export async function clearFolder(folder: string, entry: Entry): Promise<void> {
  if (entry.kind === "new") return;
  const files = entry.kind === "overwrite" ? Object.values(runFiles) : [];
  const leftovers = (await namesIn(folder)).filter((name) => unfinishedSave.test(name));
  const paths = [...[...files, ...leftovers].map((name) => join(folder, name)), ...entry.replaced.map(({ path }) => path)];
  for (const path of paths) await rm(path, { recursive: true, force: true });
}

/** The temporary name under which @sft/checkpoint writes a checkpoint: process and a random number behind the name. */
const unfinishedSave = /^checkpoint-\d+\.\d+-[0-9a-f]{8}\.tmp$/;

/** Removes the oldest checkpoints until `limit` are left. */
export async function pruneCheckpoints(folder: string, limit: number): Promise<void> {
  const checkpoints = await findCheckpoints(folder);
  for (const { path } of checkpoints.slice(0, Math.max(0, checkpoints.length - limit))) await rm(path, { recursive: true, force: true });
}

async function checkpointAt(path: string): Promise<SavedStep | undefined> {
  const step = /checkpoint-(\d+)$/.exec(path)?.[1];
  const isThere = step !== undefined && (await namesIn(path)).includes("trainer_state.json");
  return isThere ? { step: Number(step), path } : undefined;
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
