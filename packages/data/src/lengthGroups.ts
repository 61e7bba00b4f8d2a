import type { Random } from "./random.ts";
import { permutation } from "./shuffle.ts";

/** Batches that are sorted together; more waste less padding, fewer keep the order more random (transformers takes 50). */
const batchesPerGroup = 50;

/**
 * Reorders rows so that batches of `batchSize` hold rows of similar length and little is padding: groups of 50 batches
 * are sorted, longest first, then the batches are shuffled, lest lengths fall and rise in step with training.
 * A last batch that is not full stays last.
 */
export function groupByLength(order: Uint32Array, lengths: ArrayLike<number>, batchSize: number, random: Random): Uint32Array {
  const full = Math.floor(order.length / batchSize);
  const grouped = order.slice();
  const groupRows = batchesPerGroup * batchSize;
  for (let start = 0; start < full * batchSize; start += groupRows) {
    // The rows that fill no batch were put last by chance, and stay out of the sorting.
    const end = Math.min(start + groupRows, full * batchSize);
    const places = Array.from({ length: end - start }, (_, i) => start + i);
    places.sort((a, b) => lengths[order[b]] - lengths[order[a]]);
    for (const [i, place] of places.entries()) grouped[start + i] = order[place];
  }
  const shuffled = grouped.slice();
  for (const [to, from] of permutation(full, random).entries()) {
    shuffled.set(grouped.subarray(from * batchSize, (from + 1) * batchSize), to * batchSize);
  }
  return shuffled;
}
