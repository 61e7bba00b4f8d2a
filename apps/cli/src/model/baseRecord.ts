import { formatJson, readJsonObject, weightsFingerprint, type ModelFolder } from "@sft/checkpoint";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../failure/cliError.ts";

/** Lies in every adapter folder that sft saves, and says which weights the adapter was trained on. */
export const baseRecordFile = "base_model.json";

/** The record of a base model, as a file to be saved beside an adapter. */
export async function baseRecordFiles(base: ModelFolder): Promise<Record<string, string>> {
  return { [baseRecordFile]: formatJson({ path: base.path, weights_fingerprint: await weightsFingerprint(base.tensors) }) };
}

/**
 * Refuses a base model whose weights are not those that the adapter was trained on; an adapter without a record passes.
 * @throws CliError "other-base-model"
 */
export async function refuseOtherBase(adapter: string, base: ModelFolder): Promise<void> {
  if (!(await readdir(adapter)).includes(baseRecordFile)) return;
  const { weights_fingerprint: expected, path } = await readJsonObject(join(adapter, baseRecordFile));
  if (typeof expected !== "string") return;
  const found = await weightsFingerprint(base.tensors);
  if (found === expected) return;
  throw new CliError(
    "other-base-model",
    `The adapter ${adapter} was trained on other weights than those of ${base.path}: expected the fingerprint ${expected.slice(0, 12)}, found ${found.slice(0, 12)}.`,
    `It was trained on ${String(path)}. Give that model, or --accept-other-base if the difference is meant (another dtype of the same weights, say).`,
  );
}
