import { packPlanned, padBatch, planPacking, type ShiftedRow, type TokenBatch } from "@sft/mask";
import { TrainingError } from "./trainingError.ts";

/** Gives example indices forever, epoch after epoch, and can be put back to an earlier place; the README makes one of @sft/data's BatchSampler. */
export interface Sampler {
  /** The next batch of example indices; fewer than asked at an epoch's end, never none. */
  next(): readonly number[];
  /** Epochs begun, fractional: 1.25 is a quarter into the second. */
  readonly epoch: number;
  /** Plain data, enough to go on exactly from here. */
  state(): unknown;
  restore(state: unknown): void;
}

/** Where a run's micro batches come from: everything about rows, padding and packing is behind this. */
export interface BatchSource {
  /** The micro batches of the next optimiser step. */
  next(): readonly TokenBatch[];
  readonly epoch: number;
  state(): unknown;
  restore(state: unknown): void;
}

export interface PaddedBatchOptions {
  /** Rows of one micro batch. A step's rows are sorted by length first, so that micro batches waste little padding. */
  readonly microBatchSize: number;
  /** Lengths are rounded up to a multiple of this, so that few shapes are compiled. Default 16. */
  readonly multipleOf?: number;
}

/** Padded micro batches over examples, in the sampler's order; one sampler batch is one optimiser step. */
export function paddedBatches(examples: readonly ShiftedRow[], sampler: Sampler, options: PaddedBatchOptions): BatchSource {
  const { microBatchSize, multipleOf = 16 } = options;
  return sampledBatches(examples, sampler, (rows) => splitByLength(rows, microBatchSize).map((part) => padBatch(part, { multipleOf })));
}

export interface PackedBatchOptions {
  /** Packed rows of one micro batch. */
  readonly microBatchSize: number;
  /** Tokens of a packed row, all micro batches have this length; no example is longer. */
  readonly length: number;
}

/**
 * Micro batches of rows that several examples share, each a segment of its own: the same loss and gradients as padded ones, without
 * their padding. The examples of one step are packed together, the longest first, each where it leaves the least room.
 */
export function packedBatches(examples: readonly ShiftedRow[], sampler: Sampler, options: PackedBatchOptions): BatchSource {
  const { microBatchSize, length } = options;
  return sampledBatches(examples, sampler, (rows) => {
    const lengths = rows.map(({ inputIds }) => inputIds.length);
    const plan = planPacking(lengths, { capacity: length });
    return Array.from({ length: Math.ceil(plan.length / microBatchSize) }, (_, index) =>
      packPlanned(rows, plan.slice(index * microBatchSize, (index + 1) * microBatchSize), { length }),
    );
  });
}

/** One step's micro batches from the examples that the sampler gives for it. */
function sampledBatches(
  examples: readonly ShiftedRow[],
  sampler: Sampler,
  layOut: (rows: readonly ShiftedRow[]) => readonly TokenBatch[],
): BatchSource {
  if (examples.length === 0)
    throw new TrainingError(
      "no-examples",
      "there is no example to train on",
      "Every row was dropped or masked: run `sft doctor` on the data.",
    );
  return {
    next: () => layOut(sampler.next().map((index) => examples[index]!)),
    get epoch() {
      return sampler.epoch;
    },
    state: () => sampler.state(),
    restore: (state) => sampler.restore(state),
  };
}

/** Groups of at most `size` rows of similar length; within a step the order of rows does not change the sum of gradients but for rounding. */
export function splitByLength(rows: readonly ShiftedRow[], size: number): readonly (readonly ShiftedRow[])[] {
  const sorted = rows
    .map((row, index) => ({ row, index }))
    .sort((a, b) => b.row.inputIds.length - a.row.inputIds.length || a.index - b.index);
  const groups: ShiftedRow[][] = [];
  for (let start = 0; start < sorted.length; start += size) groups.push(sorted.slice(start, start + size).map(({ row }) => row));
  return groups;
}
