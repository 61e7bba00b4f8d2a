import type { Example } from "./example.ts";

/** How other trainers want labels. */
export interface LabelOptions {
  /** The label of an untrained token. Default -100, PyTorch's ignore_index. */
  readonly ignoreIndex?: number;
  /** True gives labels[i] = the token after i (torchtune); default false, where the loss shifts (transformers, LitGPT). */
  readonly shifted?: boolean;
}

/** (n) int32 labels: the token id where its weight is above 0, `ignoreIndex` elsewhere. Fractional weights become plain training. */
export function toLabels(example: Pick<Example, "ids" | "weights">, options: LabelOptions = {}): Int32Array {
  const { ignoreIndex = -100, shifted = false } = options;
  const { ids, weights } = example;
  const ahead = shifted ? 1 : 0;
  return Int32Array.from(ids, (_, i) => (i + ahead < ids.length && weights[i + ahead] > 0 ? ids[i + ahead] : ignoreIndex));
}
