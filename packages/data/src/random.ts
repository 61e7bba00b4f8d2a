import { DataError } from "./dataError.ts";

/** Everything that a generator's future depends on: four unsigned 32-bit integers, not all zero. Plain JSON. */
export type RandomState = readonly [number, number, number, number];

/** A seeded stream of random integers, the same on every machine. */
export interface Random {
  /** A whole number from 0 to 2^32 - 1. */
  nextUint32(): number;
  /** A whole number from 0 to `bound` - 1, each equally likely; `bound` is from 1 to 2^32. */
  nextBelow(bound: number): number;
  /** A multiple of 2^-53 from 0 (inclusive) to 1 (exclusive). */
  nextFloat(): number;
  state(): RandomState;
}

/**
 * A generator of the algorithm xoshiro128** 1.1 (Blackman and Vigna, https://prng.di.unimi.it/xoshiro128starstar.c),
 * its state filled by SplitMix64 from `seed`, as its authors advise. Streams of one seed with different `stream`
 * numbers are independent for all practical purposes.
 */
export function createRandom(seed: number, stream: number = 0): Random {
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(stream)) {
    throw new DataError("bad-random-state", {}, `expected whole numbers, found seed ${seed}, stream ${stream}`, "Give a whole number.");
  }
  const mixed = splitMix64(BigInt(seed));
  const next = splitMix64(mixed() ^ BigInt(stream));
  const [low, high] = [next(), next()];
  return restoreRandom([Number(low & mask32), Number(low >> 32n), Number(high & mask32), Number(high >> 32n)]);
}

/** The generator that goes on where `state` was taken. Throws `DataError` for a state that none can have. */
export function restoreRandom(state: RandomState): Random {
  const isWord = (word: unknown): boolean => Number.isInteger(word) && (word as number) >>> 0 === word;
  if (!Array.isArray(state) || state.length !== 4 || !state.every(isWord) || state.every((word) => word === 0)) {
    const message = `expected four unsigned 32-bit integers, not all 0, found ${JSON.stringify(state)}`;
    throw new DataError("bad-random-state", {}, message, "Give what state() returned.");
  }
  let [a, b, c, d] = state as RandomState;

  function nextUint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  }

  function nextBelow(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`expected a bound from 1 to 2^32, found ${bound}`);
    }
    // The draws beyond the last whole multiple of bound would favour small numbers, so they are drawn again.
    const fair = 2 ** 32 - (2 ** 32 % bound);
    let drawn = nextUint32();
    while (drawn >= fair) drawn = nextUint32();
    return drawn % bound;
  }

  function nextFloat(): number {
    const high = nextUint32() >>> 5;
    return (high * 2 ** 26 + (nextUint32() >>> 6)) * 2 ** -53;
  }

  return { nextUint32, nextBelow, nextFloat, state: () => [a >>> 0, b >>> 0, c >>> 0, d >>> 0] };
}

const mask32 = 0xffffffffn;

/** SplitMix64 (https://prng.di.unimi.it/splitmix64.c). */
function splitMix64(seed: bigint): () => bigint {
  let state = BigInt.asUintN(64, seed);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let mixed = state;
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  };
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
