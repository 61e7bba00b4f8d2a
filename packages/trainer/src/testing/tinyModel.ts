import { goldenModelPath } from "@sft/golden";
import { openModelFolder } from "@sft/checkpoint";
import { createCpuBackend } from "@sft/kernels-cpu";
import type { ShiftedRow } from "@sft/mask";
import { LanguageModel, randomFrom, type LoraConfig } from "@sft/model";
import type { Sampler } from "../batchSource.ts";

/** The two-layer golden Llama (hidden 64, vocabulary 320) on a CPU backend of its own. */
export async function loadTinyModel(
  options: { readonly lora?: boolean | Partial<LoraConfig>; readonly dropout?: number; readonly threads?: number } = {},
): Promise<LanguageModel> {
  const folder = await openModelFolder(goldenModelPath("llama"));
  const backend = await createCpuBackend({ threads: options.threads ?? 1 });
  const model = await LanguageModel.load({ backend, config: folder.config, weights: folder.tensors });
  await folder.close();
  if (options.lora)
    await model.attachLora(
      {
        r: 4,
        alpha: 8,
        dropout: options.dropout ?? 0,
        targetModules: "all-linear",
        ...(typeof options.lora === "object" ? options.lora : {}),
      },
      { seed: 3 },
    );
  return model;
}

/** Rows of random tokens of different lengths; the first third of each is not supervised, a few weights are fractional. */
export function randomRows(count: number, seed: number): readonly ShiftedRow[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => {
    const length = 4 + Math.floor(random() * 20);
    const ids = Int32Array.from({ length: length + 1 }, () => Math.floor(random() * 320));
    const weights = Float32Array.from({ length }, (_, index) => (index < length / 3 ? 0 : index % 5 === 0 ? 0.5 : 1));
    return { inputIds: ids.slice(0, length), targets: ids.slice(1), weights };
  });
}

/** Indices in order, over and over. */
export function orderedSampler(count: number, batchSize: number): Sampler {
  let drawn = 0;
  return {
    next: () => Array.from({ length: batchSize }, () => drawn++ % count),
    get epoch() {
      return drawn / count;
    },
    state: () => ({ drawn }),
    restore: (state) => {
      drawn = (state as { drawn: number }).drawn;
    },
  };
}
