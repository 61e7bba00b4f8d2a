import { ModelError } from "../errors.ts";

/**
 * The value that a `rank_pattern` or `alpha_pattern` has for a module; undefined when no key matches it. PEFT's rule: a key
 * is a regular expression for the end of the module's name, at its start or after a dot, and the first key that matches counts.
 * @throws ModelError "bad-lora" for a key that is no regular expression
 */
export function patternValue(pattern: Readonly<Record<string, number>> | undefined, module: string): number | undefined {
  for (const [key, value] of Object.entries(pattern ?? {})) if (matchesEnd(key, module)) return value;
  return undefined;
}

function matchesEnd(key: string, module: string): boolean {
  try {
    return new RegExp(`^(?:.*\\.)?(?:${key})$`).test(module);
  } catch (cause) {
    throw new ModelError(
      "bad-lora",
      `the LoRA pattern key ${JSON.stringify(key)} is no valid regular expression: ${(cause as Error).message}`,
    );
  }
}
