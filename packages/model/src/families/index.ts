import { closeNames, ModelError } from "../errors.ts";
import type { ModelFamily } from "./family.ts";
import { gemma2, gemma3 } from "./gemma.ts";
import { gpt2 } from "./gpt2.ts";
import { gptNeox } from "./gptNeox.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { olmo2 } from "./olmo2.ts";
import { phi3 } from "./phi3.ts";
import { qwen2, qwen3 } from "./qwen.ts";
import { smollm3 } from "./smollm3.ts";

/** The family table. A new family is one file beside llama.ts and one line here. */
export const families: readonly ModelFamily[] = [llama, mistral, qwen2, qwen3, gemma2, gemma3, phi3, smollm3, olmo2, gpt2, gptNeox];

/**
 * The family of a config.json, by `model_type`, else by `architectures`.
 * @throws ModelError "unknown-family", with the known ones; "unsupported-config" for quantised weights, with the format's name
 */
export function findFamily(raw: Readonly<Record<string, unknown>>): ModelFamily {
  refuseQuantised(raw.quantization_config);
  const architectures = Array.isArray(raw.architectures) ? raw.architectures.map(String) : [];
  const family =
    families.find((candidate) => candidate.modelType === raw.model_type) ??
    families.find((candidate) => architectures.includes(candidate.architecture));
  if (family) return family;
  const known = families.map((candidate) => candidate.modelType);
  const wanted = String(raw.model_type ?? architectures[0] ?? "nothing");
  throw new ModelError(
    "unknown-family",
    `config.json: model_type ${JSON.stringify(raw.model_type ?? null)} (architectures ${JSON.stringify(architectures)}) is not a known model family`,
    `Known families: ${known.join(", ")}. Closest: ${closeNames(wanted, known, 1).join("")}.`,
  );
}

/** Weights packed by another program's quantiser are no plain tensors; `quantization_config` names the format. */
function refuseQuantised(quantization: unknown): void {
  if (quantization === undefined || quantization === null) return;
  const { quant_method: method, load_in_4bit: inFourBits, load_in_8bit: inEightBits } = quantization as Readonly<Record<string, unknown>>;
  const bits = inFourBits === true ? ", 4 bits" : inEightBits === true ? ", 8 bits" : "";
  throw new ModelError(
    "unsupported-config",
    `config.json: the weights are quantised (quantization_config: ${typeof method === "string" ? method : "unnamed format"}${bits}), which is not read`,
    "Take the model's float32, float16 or bfloat16 weights; in transformers: model.dequantize().save_pretrained(folder).",
  );
}
