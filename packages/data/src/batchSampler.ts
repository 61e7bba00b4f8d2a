import { DataError } from "./dataError.ts";
import { groupByLength } from "./lengthGroups.ts";
import { createRandom } from "./random.ts";
import { permutation } from "./shuffle.ts";

export interface BatchSamplerOptions {
  /** Number of rows; the sampler deals in their indices, from 0. */
  readonly rows: number;
  readonly batchSize: number;
  readonly seed: number;
  /** False keeps the rows in order in every epoch. Default true: a new order each epoch. */
  readonly shuffle?: boolean;
  /** What becomes of the rows left over when `batchSize` does not divide `rows`: a smaller batch, or nothing. Default "keep". */
  readonly lastBatch?: "keep" | "drop";
  /** Length of each row; given, batches hold rows of similar length (see `groupByLength`). */
  readonly lengths?: ArrayLike<number>;
}

/** A batch: indices of rows, and where it stands. */
export interface RowBatch {
  readonly indices: readonly number[];
  /** Counts from 0. */
  readonly epoch: number;
  /** Place in the epoch, from 0. */
  readonly batch: number;
}

/** Where a sampler stands, and what it was made with; plain JSON. */
export interface BatchSamplerState {
  readonly epoch: number;
  /** Batches of this epoch already given. */
  readonly batch: number;
  readonly rows: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly lastBatch: "keep" | "drop";
  readonly groupedByLength: boolean;
}

/** Endless batches, epoch after epoch. */
export interface BatchSampler extends Iterable<RowBatch> {
  readonly batchesPerEpoch: number;
  next(): RowBatch;
  state(): BatchSamplerState;
  /** Goes on exactly where `state` was taken. Throws `DataError` "sampler-mismatch" when it was made otherwise. */
  restore(state: BatchSamplerState): void;
}

/**
 * Makes a sampler. An epoch's order depends on `seed` and the epoch's number alone, so a position is enough to resume.
 * Throws `DataError` "bad-batches" for sizes that give no batch.
 */
export function createBatchSampler(options: BatchSamplerOptions): BatchSampler {
  const { rows, batchSize, seed, shuffle = true, lastBatch = "keep", lengths } = options;
  checkSizes(options);
  const batchesPerEpoch = lastBatch === "keep" ? Math.ceil(rows / batchSize) : Math.floor(rows / batchSize);
  const settings = { rows, batchSize, seed, shuffle, lastBatch, groupedByLength: lengths !== undefined };
  let epoch = 0;
  let batch = 0;
  let order: Uint32Array | undefined;

  function orderOfEpoch(): Uint32Array {
    const random = createRandom(seed, epoch);
    const shuffled = shuffle ? permutation(rows, random) : Uint32Array.from({ length: rows }, (_, i) => i);
    return lengths === undefined ? shuffled : groupByLength(shuffled, lengths, batchSize, random);
  }

  function next(): RowBatch {
    if (batch === batchesPerEpoch) {
      epoch++;
      batch = 0;
      order = undefined;
    }
    order ??= orderOfEpoch();
    const start = batch * batchSize;
    return { indices: [...order.subarray(start, start + batchSize)], epoch, batch: batch++ };
  }

  function restore(state: BatchSamplerState): void {
    for (const [name, value] of Object.entries(settings)) {
      const saved = state[name as keyof typeof settings];
      if (saved === value) continue;
      const message = `the saved position was taken with ${name} ${saved}, but this run has ${value}`;
      throw new DataError("sampler-mismatch", {}, message, "Resume with the settings and the data of the saved run.");
    }
    const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
    if (!isCount(state.epoch) || !isCount(state.batch) || state.batch > batchesPerEpoch) {
      const message = `there is no batch ${state.batch} of epoch ${state.epoch}`;
      throw new DataError("sampler-mismatch", {}, message, "Give what state() returned.");
    }
    epoch = state.epoch;
    batch = state.batch;
    order = undefined;
  }

  return {
    batchesPerEpoch,
    next,
    state: () => ({ epoch, batch, ...settings }),
    restore,
    *[Symbol.iterator]() {
      for (;;) yield next();
    },
  };
}

function checkSizes({ rows, batchSize, lastBatch, lengths }: BatchSamplerOptions): void {
  const hint = "Give more rows or a smaller batch.";
  if (!Number.isSafeInteger(rows) || rows < 1 || rows > 2 ** 32 || !Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new DataError("bad-batches", {}, `cannot make batches of ${batchSize} from ${rows} rows`, hint);
  }
  if (lastBatch === "drop" && rows < batchSize) {
    const message = `${rows} rows fill no batch of ${batchSize}, and the last one is to be dropped`;
    throw new DataError("bad-batches", {}, message, hint);
  }
  if (lengths !== undefined && lengths.length !== rows) {
    throw new DataError("bad-batches", {}, `expected ${rows} lengths, found ${lengths.length}`, "Give one length a row.");
  }
}
