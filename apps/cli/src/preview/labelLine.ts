import { toLabels, type Example } from "@sft/mask";

/** A row as PyTorch trainers read it: labels are not shifted, -100 is no target (transformers, TRL, LitGPT). */
export interface LabelRow {
  readonly input_ids: readonly number[];
  readonly attention_mask: readonly number[];
  readonly labels: readonly number[];
}

export function labelRow(example: Example): LabelRow {
  const input_ids = Array.from(example.ids);
  return { input_ids, attention_mask: input_ids.map(() => 1), labels: Array.from(toLabels(example)) };
}

/** {@link labelRow} as one line of JSON. */
export function labelLine(example: Example): string {
  return JSON.stringify(labelRow(example));
}
