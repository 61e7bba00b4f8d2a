import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The hub to ask: HF_ENDPOINT, else the client's own default (undefined). */
export function hubUrlOf(environment: Environment): string | undefined {
  return environment.HF_ENDPOINT?.replace(/\/+$/, "") || undefined;
}

/** The access token, as Hugging Face's own tools find it: HF_TOKEN, else the file that `hf auth login` writes. */
export async function hubTokenOf(environment: Environment): Promise<string | undefined> {
  if (environment.HF_TOKEN?.trim()) return environment.HF_TOKEN.trim();
  const home = environment.HF_HOME ?? join(environment.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  const text = await readFile(environment.HF_TOKEN_PATH ?? join(home, "token"), "utf8").catch(() => "");
  return text.trim() || undefined;
}
