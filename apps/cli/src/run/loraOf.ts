import type { LoraConfig } from "@sft/model";
import type { RunConfig } from "../runConfig/schema.ts";

/** The adapter that a recipe asks for; null for full fine-tuning. */
export function loraOf(config: RunConfig): LoraConfig | null {
  if (config.adapter === "none") return null;
  const {
    lora_r: r,
    lora_alpha: alpha,
    lora_dropout: dropout,
    lora_target_modules: targetModules,
    use_rslora: useRslora,
    use_dora: useDora,
  } = config;
  return {
    r,
    alpha,
    dropout,
    targetModules,
    useRslora,
    useDora,
    ...(config.lora_rank_pattern ? { rankPattern: config.lora_rank_pattern } : {}),
    ...(config.lora_alpha_pattern ? { alphaPattern: config.lora_alpha_pattern } : {}),
    ...(config.lora_modules_to_save ? { modulesToSave: config.lora_modules_to_save } : {}),
  };
}
