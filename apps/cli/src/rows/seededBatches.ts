import { createBatchSampler, type BatchSamplerState } from "@sft/data";
import { shiftTargets } from "@sft/mask";
import { packedBatches, paddedBatches, type BatchSource, type Sampler } from "@sft/trainer";
import type { TrainingRow } from "./encodeRows.ts";

export interface SeededBatchOptions {
  /** Rows of one optimiser step. */
  readonly rowsPerStep: number;
  readonly microBatchSize: number;
  /** Lengths are rounded up to a multiple of this. */
  readonly multipleOf: number;
  /** Tokens of a row that several examples share; without it each has a padded row of its own. */
  readonly packedLength?: number;
  readonly seed: number;
}

/** Micro batches over rows in a seeded order, a new one each epoch; the last batch of an epoch may be smaller. */
export function seededBatches(rows: readonly TrainingRow[], options: SeededBatchOptions): BatchSource {
  const { microBatchSize, multipleOf, packedLength } = options;
  const examples = rows.map(({ example }) => shiftTargets(example));
  const sampler = createBatchSampler({ rows: rows.length, batchSize: options.rowsPerStep, seed: options.seed });
  const places: Sampler = {
    next: () => sampler.next().indices,
    get epoch() {
      const { epoch, batch } = sampler.state();
      return epoch + batch / sampler.batchesPerEpoch;
    },
    state: () => sampler.state(),
    restore: (state) => sampler.restore(state as BatchSamplerState),
  };
  return packedLength === undefined
    ? paddedBatches(examples, places, { microBatchSize, multipleOf })
    : packedBatches(examples, places, { microBatchSize, length: packedLength });
}
