import { closeNames, ModelError } from "../errors.ts";
import type { ModelFamily } from "./family.ts";
import { llama } from "./llama.ts";

/** The family table. A new family is one file beside llama.ts and one line here. */
export const families: readonly ModelFamily[] = [llama];

/** The family of a config.json, by `model_type`, else by `architectures`. */
export function findFamily(raw: Readonly<Record<string, unknown>>): ModelFamily {
  const architectures = Array.isArray(raw.architectures) ? raw.architectures.map(String) : [];
  const family = families.find((candidate) => candidate.modelType === raw.model_type)
    ?? families.find((candidate) => architectures.includes(candidate.architecture));
  if (family) return family;
  const known = families.map((candidate) => candidate.modelType);
  const wanted = String(raw.model_type ?? architectures[0] ?? "nothing");
  throw new ModelError(
    "unknown-family",
    `config.json: model_type ${JSON.stringify(raw.model_type ?? null)} (architectures ${JSON.stringify(architectures)}) is not a known model family`,
    `Known families: ${known.join(", ")}. Closest: ${closeNames(wanted, known, 1).join("")}.`,
  );
}
