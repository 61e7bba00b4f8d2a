import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const modelsFolder = fileURLToPath(new URL("../models", import.meta.url));

/** Families whose golden files are in the repository. */
export function goldenFamilies(): string[] {
  return readdirSync(modelsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/**
 * Folder of one family's golden files: `config.json`, `model.safetensors`, `case.safetensors` (batch, logits,
 * loss, every gradient, greedy tokens), `batches.safetensors`, `trajectory.json` and the same under `lora/`
 * (for llama also `rslora/` and `dora/`). `models/made-with.json` names the versions that wrote them.
 * Throws when the family is not among {@link goldenFamilies}.
 */
export function goldenModelPath(family: string): string {
  const folder = `${modelsFolder}/${family}`;
  if (!existsSync(`${folder}/config.json`)) {
    throw new Error(`no golden files for "${family}"; there are: ${goldenFamilies().join(", ")}`);
  }
  return folder;
}
