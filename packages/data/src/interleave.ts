import { DataError } from "./dataError.ts";
import { createRandom } from "./random.ts";

/** When a mix ends, by the names that Hugging Face's datasets has for it. */
export type InterleaveStop =
  /** As soon as one source is asked for more than it has: nothing is seen twice, some of it never. */
  | "first-exhausted"
  /** When every source was read once; those that end early begin again: all is seen, some of it twice. */
  | "all-exhausted"
  /** When every source was read once; those that end early drop out: all is seen, exactly once. */
  | "all-exhausted-without-replacement";

export interface InterleaveOptions {
  /** How often each source is drawn from, in proportion; default: all alike. */
  readonly weights?: readonly number[];
  readonly seed: number;
  /** Default "first-exhausted". */
  readonly stop?: InterleaveStop;
}

/** A row and the index of the source that it comes from. */
export interface MixedRow<T> {
  readonly source: number;
  readonly value: T;
}

/**
 * Mixes sources, each in its own order, drawing the next row's source at random by weight.
 * Throws `DataError` "bad-weights" unless every source has a weight above 0, and "empty-data-set" for a source without rows
 * that would be begun again for ever.
 */
export async function* interleave<T>(
  sources: readonly (Iterable<T> | AsyncIterable<T>)[],
  { weights = sources.map(() => 1), seed, stop = "first-exhausted" }: InterleaveOptions,
): AsyncGenerator<MixedRow<T>, void, undefined> {
  if (weights.length !== sources.length || !weights.every((weight) => weight > 0 && weight < Infinity)) {
    const message = `expected ${sources.length} weights above 0, found [${weights.join(", ")}]`;
    throw new DataError("bad-weights", {}, message, "Give one weight a source, and leave out sources that are not wanted.");
  }
  const random = createRandom(seed);
  const readers = sources.map(readerOf);
  const ended = new Set<number>();
  const live = new Set(sources.keys());
  try {
    while (live.size > 0) {
      const source = drawByWeight([...live], weights, random.nextFloat());
      let result = await readers[source].next();
      if (result.done === true) {
        ended.add(source);
        if (stop === "first-exhausted") return;
        if (stop === "all-exhausted" && ended.size === sources.length) return;
        if (stop === "all-exhausted-without-replacement") {
          live.delete(source);
          continue;
        }
        readers[source] = readerOf(sources[source]);
        result = await readers[source].next();
        if (result.done === true) {
          const message = `source ${source} has no rows, or cannot be read twice`;
          throw new DataError("empty-data-set", {}, message, "Leave it out, or give an array.");
        }
      }
      yield { source, value: result.value };
    }
  } finally {
    for (const reader of readers) await reader.return?.();
  }
}

function readerOf<T>(source: Iterable<T> | AsyncIterable<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

/** The candidate in whose stretch of the weights, laid end to end, the fraction falls. */
function drawByWeight(candidates: readonly number[], weights: readonly number[], fraction: number): number {
  const total = candidates.reduce((sum, candidate) => sum + weights[candidate], 0);
  let left = fraction * total;
  for (const candidate of candidates) {
    left -= weights[candidate];
    if (left < 0) return candidate;
  }
  return candidates.at(-1)!;
}
