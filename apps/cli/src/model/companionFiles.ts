import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promptSettingsFile } from "../runFolder/promptSettings.ts";

/** Files of a model folder that belong to its tokenizer, its template and its licence. */
const fromBase =
  /^(tokenizer.*\.(json|model)|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt|chat_template\.(jinja|json)|LICENSE.*|NOTICE.*|USE_POLICY.*)$/i;
/** Files of an adapter folder that say how it was trained; they count before the base's. */
const fromAdapter: readonly string[] = [promptSettingsFile, "chat_template.jinja"];

/** The files that travel with a model's weights: the base's tokenizer and licence, and what the adapter was trained with. */
export async function companionFiles(base: string, adapter: string | undefined): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(base))
    if (fromBase.test(name) || name === promptSettingsFile) files[name] = await readFile(join(base, name));
  if (adapter === undefined) return files;
  const names = await readdir(adapter);
  for (const name of fromAdapter) if (names.includes(name)) files[name] = await readFile(join(adapter, name));
  return files;
}
