import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CheckpointError, systemCode, writeFailure } from "./checkpointError.ts";

/**
 * Makes a folder and those above it that are missing; what is there already stays. Throws `CheckpointError` ("not-writable",
 * "disk-full", "write-failed") that names the path and where it ends. Node's own recursive mkdir never returns where a
 * file system takes no folders and calls that ENOENT, as Linux does in /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  const { missing } = await climb(path);
  for (const folder of missing) {
    try {
      await mkdir(folder);
    } catch (error) {
      const wasMadeMeanwhile = systemCode(error) === "EEXIST" && (await isFolder(folder));
      if (!wasMadeMeanwhile) throw refusal(error, path, folder);
    }
  }
}

/**
 * Refuses, without writing anything, a path at which `makeFolder` or writing into the folder would fail for a file in the way
 * or for want of permission. Throws `CheckpointError` "not-writable".
 */
export async function checkFolderPlace(path: string): Promise<void> {
  const { nearest } = await climb(path);
  try {
    await access(nearest, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw refusal(error, path, nearest);
  }
}

/** The folder nearest to `path` that is there, and those that are missing from it on, outermost first. */
async function climb(path: string): Promise<{ readonly nearest: string; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    try {
      if ((await stat(folder)).isDirectory()) return { nearest: folder, missing };
    } catch (error) {
      const mayBeAbove = systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR";
      if (!mayBeAbove || dirname(folder) === folder) throw refusal(error, path, folder);
      missing.unshift(folder);
      continue;
    }
    const hint = "Give a path that does not go through a file, or move the file away.";
    throw new CheckpointError("not-writable", path, `could not make the folder ${path}: ${folder} is a file`, hint);
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** A system error on the way to `path`, in words that say at which folder. */
function refusal(error: unknown, path: string, folder: string): unknown {
  const failure = writeFailure(error, path);
  if (!(failure instanceof CheckpointError) || failure.code !== "not-writable") return failure;
  const where = folder === resolve(path) ? "" : ` at ${folder}`;
  const message = `could not write a folder at ${path}: the system refuses${where} (${systemCode(error)})`;
  return new CheckpointError("not-writable", path, message, "Give a path inside a folder in which you may write.", { cause: error });
}
