import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { dictionary } from "./runSft.ts";

const made: string[] = [];
afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A folder of its own for one test, removed when the file's tests are done: tests that run at once have no end of their own to hook into. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sft-cli-"));
  made.push(folder);
  return folder;
}

/** The first rows of the dictionary's training file, as a file in `folder`. */
export async function someRows(folder: string, count: number): Promise<string> {
  const rows = JSON.parse(await readFile(dictionary.train, "utf8")) as unknown[];
  const path = join(folder, "rows.json");
  await writeFile(path, JSON.stringify(rows.slice(0, count)));
  return path;
}

/** The dictionary model under another config.json: its weights and tokenizer are linked, not copied. */
export async function modelWith(folder: string, changes: Readonly<Record<string, unknown>>): Promise<string> {
  const config = JSON.parse(await readFile(join(dictionary.model, "config.json"), "utf8")) as Record<string, unknown>;
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, ...changes }));
  for (const name of ["model.safetensors", "tokenizer.json", "tokenizer_config.json"])
    await symlink(join(dictionary.model, name), join(folder, name));
  return folder;
}
