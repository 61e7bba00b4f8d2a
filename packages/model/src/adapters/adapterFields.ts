import type { AdapterConfig } from "@sft/checkpoint";
import { ModelError } from "../errors.ts";

const isAbsent = (value: unknown): boolean => value === null || value === undefined || value === false;
const isEmpty = (value: unknown): boolean => isAbsent(value) || (Array.isArray(value) && value.length === 0);

/** Starts that leave the base as it is; pissa, olora, corda, lora_ga and loftq change it whenever the adapter is loaded. */
const harmlessStarts: readonly unknown[] = [true, false, null, undefined, "gaussian", "eva", "orthogonal"];

/** Fields of PEFT's LoraConfig that change what the adapter computes and are not implemented: field -> harmless values. */
const unimplemented: Readonly<Record<string, (value: unknown) => boolean>> = {
  use_qalora: isAbsent,
  layer_replication: isEmpty,
  lora_bias: isAbsent,
  trainable_token_indices: isEmpty,
  bias: (value) => value === "none" || value === undefined,
  target_parameters: isEmpty,
  alora_invocation_tokens: isEmpty,
  arrow_config: isAbsent,
  use_bdlora: isAbsent,
  kasa_config: isAbsent,
  velora_config: isAbsent,
  monteclora_config: isAbsent,
  init_lora_weights: (value) => harmlessStarts.includes(value),
};

/**
 * Refuses an adapter whose maths this package does not have, by the name of the field.
 * @throws ModelError "unsupported-config"
 */
export function refuseUnimplementedFields(config: AdapterConfig, path: string): void {
  for (const [field, isHarmless] of Object.entries(unimplemented)) {
    const value = config[field];
    if (isHarmless(value)) continue;
    throw new ModelError(
      "unsupported-config",
      `${path}/adapter_config.json: ${field} is ${JSON.stringify(value)}, which changes what the adapter computes and is not implemented`,
      "Merge the adapter with PEFT (merge_and_unload), and use the merged model here.",
    );
  }
}
