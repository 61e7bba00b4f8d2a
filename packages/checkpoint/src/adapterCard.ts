import type { AdapterConfig } from "./adapterConfig.ts";

/** A model card (README.md with YAML front matter) that says what the adapter is and how PEFT loads it. */
export function adapterCard(config: AdapterConfig): string {
  const base = config.base_model_name_or_path;
  const isHubName = base !== null && /^[\w.-]+\/[\w.-]+$/.test(base);
  const method = config.use_dora ? "DoRA" : config.use_rslora ? "rsLoRA" : "LoRA";
  const targets = typeof config.target_modules === "string" ? [config.target_modules] : (config.target_modules ?? []);
  return [
    "---",
    ...(isHubName ? [`base_model: ${base}`] : []),
    "library_name: peft",
    "pipeline_tag: text-generation",
    "tags:",
    "- lora",
    "- sft",
    "---",
    `# ${method} adapter${base === null ? "" : ` for ${base}`}`,
    "",
    `Rank ${config.r}, alpha ${config.lora_alpha}, dropout ${config.lora_dropout}, on ${describe(targets)}.`,
    "",
    "```python",
    "from peft import PeftModel",
    "from transformers import AutoModelForCausalLM",
    "",
    `base = AutoModelForCausalLM.from_pretrained(${JSON.stringify(base ?? "BASE_MODEL")})`,
    'model = PeftModel.from_pretrained(base, "ADAPTER_FOLDER")',
    "```",
    "",
  ].join("\n");
}

/** Names without their layer numbers, each once: `q_proj` rather than `model.layers.0.self_attn.q_proj` and its like. */
function describe(targets: readonly string[]): string {
  const names = [...new Set(targets.map((target) => target.split(".").at(-1)!))].sort();
  return names.length === 0 ? "PEFT's default modules" : names.map((name) => `\`${name}\``).join(", ");
}
