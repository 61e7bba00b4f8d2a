import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createTokenizer, type TokenizerFiles } from "./createTokenizer.ts";
import { TokenizerFileError, TokenizerFormatError, UnknownComponentError, UnsupportedPatternError } from "./errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Loads the tokenizer of a Hugging Face model folder: tokenizer.json, and where there are any tokenizer_config.json,
 * special_tokens_map.json, generation_config.json and chat_template.jinja.
 *
 * @throws TokenizerFileError if tokenizer.json is missing or a file is not JSON; else what createTokenizer throws.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(folder);
  try {
    return createTokenizer(files);
  } catch (error) {
    // These messages begin with the file's name, of which a machine has many.
    if (error instanceof TokenizerFormatError || error instanceof UnknownComponentError || error instanceof UnsupportedPatternError)
      error.message = join(folder, error.message.slice(0, error.message.indexOf(":"))) + error.message.slice(error.message.indexOf(":"));
    throw error;
  }
}

/** The parsed files that {@link loadTokenizer} builds a tokenizer from: what a worker needs to build it again. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const [tokenizerJson, tokenizerConfig, specialTokensMap, generationConfig, chatTemplate] = await Promise.all([
    readJson(folder, "tokenizer.json"),
    readJson(folder, "tokenizer_config.json"),
    readJson(folder, "special_tokens_map.json"),
    readJson(folder, "generation_config.json"),
    readText(folder, "chat_template.jinja"),
  ]);
  if (tokenizerJson === undefined) {
    throw new TokenizerFileError(
      join(folder, "tokenizer.json"),
      "no such file",
      "A model folder needs the fast tokenizer's tokenizer.json; tokenizer.model alone is not read.",
    );
  }
  return { tokenizerJson, tokenizerConfig, specialTokensMap, generationConfig, chatTemplate };
}

async function readText(folder: string, name: string): Promise<string | undefined> {
  const file = join(folder, name);
  try {
    // A byte-order mark is no part of the text.
    return (await readFile(file, "utf8")).replace(/^\ufeff/, "");
  } catch (cause) {
    const code = (cause as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new TokenizerFileError(file, `cannot be read (${String(code ?? cause)})`, "Check the path and its permissions.", { cause });
  }
}

async function readJson(folder: string, name: string): Promise<unknown> {
  const text = await readText(folder, name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TokenizerFileError(
      join(folder, name),
      `is not JSON (${(cause as Error).message})`,
      "The file may be cut off, or a Git LFS pointer in place of the file.",
      { cause },
    );
  }
}
