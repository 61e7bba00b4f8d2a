import { openAdapterFolder } from "@sft/checkpoint";
import { readdir, stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { findCheckpoints } from "../runFolder/runFolder.ts";

/** Where a model's parts lie. */
export interface ModelPlace {
  /** Folder of the base model, or of a model trained in full. */
  readonly model: string;
  readonly adapter: string | undefined;
  /** Folder whose prompt settings count: the adapter's, else the model's. */
  readonly trained: string;
}

export interface ModelRequest {
  /** A model folder, an adapter folder, or a run folder, whose newest checkpoint is taken. */
  readonly model?: string | undefined;
  /** An adapter or run folder to put on the model. */
  readonly adapter?: string | undefined;
}

/**
 * Finds out what kind of folders were given.
 * @throws CliError "missing-flag" when no model is known
 */
export async function findTrained({ model, adapter }: ModelRequest, cwd: string): Promise<ModelPlace> {
  const first = model === undefined ? undefined : await newest(resolve(cwd, model));
  if (adapter === undefined && first !== undefined) {
    if (!(await isAdapter(first))) return { model: first, adapter: undefined, trained: first };
    return { model: await baseOf(first, cwd), adapter: first, trained: first };
  }
  if (adapter === undefined)
    throw usageError("missing-flag", "No model was given.", "Give --model with a model folder, an adapter folder or a run folder.");
  const put = await newest(resolve(cwd, adapter));
  return { model: first ?? (await baseOf(put, cwd)), adapter: put, trained: put };
}

/** The newest checkpoint of a run folder; what is none, itself, to be refused where it is opened. */
async function newest(folder: string): Promise<string> {
  if ((await stat(folder).catch(() => undefined))?.isFile()) return folder;
  return (await findCheckpoints(folder)).at(-1)?.path ?? folder;
}

async function isAdapter(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.includes("adapter_config.json") && !names.includes("config.json");
}

async function baseOf(adapter: string, cwd: string): Promise<string> {
  await using folder = await openAdapterFolder(adapter);
  const base = folder.config.base_model_name_or_path;
  if (base === null)
    throw usageError("missing-flag", `${adapter} does not name its base model.`, "Give the base model's folder with --model.");
  return isAbsolute(base) ? base : resolve(cwd, base);
}
