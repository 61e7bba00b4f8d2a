import { checkFolderPlace } from "@sft/checkpoint";
import { readdir, realpath } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";

/**
 * Refuses a place to write to that holds something (unless `overwrite`), or that is, holds or lies in one of `sources`.
 * @throws CliError "output-folder-in-use"; CheckpointError "not-writable"
 */
export async function checkOutput(output: string, overwrite: boolean, sources: readonly (string | undefined)[]): Promise<void> {
  const own = await realpath(output).catch(() => resolve(output));
  for (const source of sources) {
    if (source === undefined) continue;
    const other = await realpath(source).catch(() => resolve(source));
    if (isInside(own, other) || isInside(other, own))
      throw usageError(
        "output-folder-in-use",
        `${output} and ${source} overlap: what is read would be written over.`,
        "Give another --output.",
      );
  }
  const names = await readdir(output).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? [] : [output]));
  if (names.length > 0 && !overwrite)
    throw usageError("output-folder-in-use", `${output} is there already.`, "Give another --output, or replace it with --overwrite.");
  // What is written takes its name from beside it.
  await checkFolderPlace(dirname(resolve(output)));
}

/** Whether a path is a folder, or lies in it. */
export function isInside(inner: string, outer: string): boolean {
  const path = relative(outer, inner);
  return path === "" || (!path.startsWith("..") && !path.startsWith("/") && !/^[a-z]:/i.test(path));
}
