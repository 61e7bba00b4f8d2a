import { readdir } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { runFiles } from "../runFolder/runFolder.ts";

/** Folders below `root` (absolute), and it itself, that hold a run, to a depth of four; links are not followed. */
export async function findRuns(root: string): Promise<readonly { readonly name: string; readonly folder: string }[]> {
  const found: string[] = [];
  const look = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    if (entries.some((entry) => entry.name === runFiles.metrics && entry.isFile())) return void found.push(folder);
    if (depth === 0) return;
    const folders = entries.filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|checkpoint-\d)/.test(entry.name));
    await Promise.all(folders.map((entry) => look(join(folder, entry.name), depth - 1)));
  };
  await look(root, 4);
  return found.map((folder) => ({ name: relative(root, folder) || basename(root), folder }));
}
