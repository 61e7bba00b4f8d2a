import { TokenizerFormatError } from "./errors.ts";
import { isObject, type JsonObject } from "./jsonFields.ts";

/** The chat template of tokenizer_config.json: a string, or the one named "default" of a list; null if there is none. */
export function readChatTemplate(config: JsonObject): string | null {
  const value = config["chat_template"];
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  const templates = Array.isArray(value)
    ? value.filter(isObject).map(({ name, template }) => [name, template] as const)
    : isObject(value)
      ? Object.entries(value)
      : [];
  const found = templates.find(([name]) => name === "default")?.[1];
  if (typeof found === "string") return found;
  throw new TokenizerFormatError("tokenizer_config.json: chat_template", 'a string, or a list with a template named "default"', value);
}
