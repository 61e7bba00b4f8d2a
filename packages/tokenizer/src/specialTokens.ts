import { TokenizerFormatError } from "./errors.ts";
import { isObject, type JsonObject } from "./jsonFields.ts";

export interface SpecialToken {
  readonly id: number;
  readonly text: string;
}

export type SpecialTokenName = "bos" | "eos" | "pad" | "unk";

/** Where a special token may be named, most trusted first. An explicit null is an answer: Qwen's models have no BOS. */
export interface SpecialTokenSources {
  readonly config: JsonObject;
  readonly specialTokensMap: JsonObject;
  readonly generationConfig: JsonObject;
  readonly tokenToId: (token: string) => number | null;
  readonly idToToken: (id: number) => string | null;
  /** The model's own unknown token. */
  readonly modelUnknown: string | null;
}

/** Finds a special token by tokenizer_config.json, then special_tokens_map.json, then the ids of generation_config.json. */
export function resolveSpecialToken(name: SpecialTokenName, sources: SpecialTokenSources): SpecialToken | null {
  const key = `${name}_token`;
  for (const [file, json] of [
    ["tokenizer_config.json", sources.config],
    ["special_tokens_map.json", sources.specialTokensMap],
  ] as const) {
    const value = json[key];
    if (value === null) return null;
    if (value === undefined) continue;
    const text = isObject(value) ? value["content"] : value;
    if (typeof text !== "string") throw new TokenizerFormatError(`${file}: ${key}`, "a token (a string or an object with content)", value);
    return named(text, sources);
  }
  if (name === "unk") return sources.modelUnknown === null ? null : named(sources.modelUnknown, sources);
  const ids = sources.generationConfig[`${key}_id`];
  const id = Array.isArray(ids) ? ids[0] : ids;
  const text = typeof id === "number" ? sources.idToToken(id) : null;
  return text === null ? null : { id, text };
}

/** A token that no vocabulary holds cannot be used, so it counts as not there. */
function named(text: string, sources: SpecialTokenSources): SpecialToken | null {
  const id = sources.tokenToId(text);
  return id === null ? null : { id, text };
}
