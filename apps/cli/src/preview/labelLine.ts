import { toLabels, type Example } from "@sft/mask";

/** A row as PyTorch trainers read it: labels are not shifted, -100 is no target (transformers, TRL, LitGPT). */
export function labelLine(example: Example): string {
  const input_ids = Array.from(example.ids);
  return JSON.stringify({ input_ids, attention_mask: input_ids.map(() => 1), labels: Array.from(toLabels(example)) });
}
