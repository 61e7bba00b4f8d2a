import type { AdapterConfig } from "@sft/checkpoint";
import type { LoraConfig } from "@sft/model";

/** The adapter that a PEFT adapter_config.json describes, as it is used: without dropout. */
export function toLoraConfig({ r, lora_alpha, target_modules, use_rslora, use_dora, rank_pattern, alpha_pattern }: AdapterConfig): LoraConfig {
  return {
    r, alpha: lora_alpha, dropout: 0, targetModules: target_modules ?? "all-linear",
    useRslora: use_rslora, useDora: use_dora, rankPattern: rank_pattern, alphaPattern: alpha_pattern,
  };
}
