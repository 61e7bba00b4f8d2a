import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncFolder, temporaryName } from "./atomicFile.ts";
import { CheckpointError, systemCode, writeFailure } from "./checkpointError.ts";
import { makeFolder } from "./makeFolder.ts";

/**
 * Replaces the folder `path` as a whole: `build` fills an empty folder beside it, which then takes its name.
 * What was in `path` before is gone afterwards; when `build` throws, it is untouched and nothing is left behind.
 * Throws what `build` throws, and `CheckpointError` for what the disk refuses.
 */
export async function replaceFolder(path: string, build: (folder: string) => Promise<void>): Promise<void> {
  const temporary = temporaryName(path);
  const retired = temporaryName(path);
  try {
    await makeFolder(dirname(path));
    await mkdir(temporary);
    await build(temporary);
    await syncFolder(temporary);
    const existed = await exists(path);
    if (existed) await rename(path, retired);
    try {
      await rename(temporary, path);
    } catch (error) {
      if (existed) await rename(retired, path);
      throw error;
    }
    await syncFolder(dirname(path));
    await rm(retired, { recursive: true, force: true });
  } catch (error) {
    await discard(temporary);
    throw writeFailure(relocated(error, temporary, path), path);
  }
}

/**
 * Adds files to a folder, or makes it: `build` fills an empty folder, and only when all of its files are complete and
 * on the disk do they take their places. Other files of `path` stay, except those for which `isStale` says that the
 * new ones supersede them. When `build` throws, `path` is untouched and nothing is left behind.
 */
export async function addToFolder(
  path: string,
  build: (folder: string) => Promise<void>,
  isStale: (name: string) => boolean = () => false,
): Promise<void> {
  if (!(await exists(path))) return replaceFolder(path, build);
  await checkFolder(path);
  const staging = temporaryName(join(path, ".staging"));
  try {
    await mkdir(staging);
    await build(staging);
    // Weights first, then the JSON files that describe them: a crash in between leaves the old description.
    const fresh = (await readdir(staging)).sort((a, b) => Number(a.endsWith(".json")) - Number(b.endsWith(".json")));
    for (const name of fresh) await rename(join(staging, name), join(path, name));
    const superseded = (await readdir(path)).filter((name) => isStale(name) && !fresh.includes(name));
    for (const name of superseded) await rm(join(path, name));
    await syncFolder(path);
  } catch (error) {
    throw writeFailure(relocated(error, staging, path), path);
  } finally {
    await discard(staging);
  }
}

/** An error from inside a temporary folder, speaking of the folder that the caller asked for. */
function relocated(error: unknown, temporary: string, path: string): unknown {
  if (!(error instanceof CheckpointError)) return error;
  const place = (text: string): string => text.replaceAll(temporary, path);
  return Object.assign(error, { path: place(error.path), message: place(error.message) });
}

/** Refuses a path that is not a folder, by name. */
export async function checkFolder(path: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    const message = `expected a folder at ${path}; nothing is there`;
    throw new CheckpointError("not-found", path, message, "Check the path.", { cause: error });
  }
  if (isFolder) return;
  const hint = `Give the folder, perhaps ${dirname(path)}.`;
  throw new CheckpointError("not-a-folder", path, `expected ${path} to be a folder; it is a file`, hint);
}

/** Refuses a name that would leave the folder it is meant for: one with a separator, "..", empty, or with a NUL. */
export function isPlainFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name) && basename(name) === name;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
      throw error;
    },
  );
}

/** Cleaning up must not hide the error that made it necessary. */
async function discard(temporary: string): Promise<void> {
  await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
}
