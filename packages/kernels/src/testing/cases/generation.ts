import { attention, type AttentionAttributes } from "../../ops/attention.ts";
import { cachedAttention, writeCache } from "../../ops/generation.ts";
import { floats, integers, opCase, type ConformanceCase } from "../conformanceCase.ts";
import { exactly } from "../tolerance.ts";
import { attentionTolerance } from "./attention.ts";
import { naiveAttention } from "./naiveAttention.ts";

interface CacheSize {
  readonly capacity: number;
  readonly width: number;
  readonly tokens: number;
  readonly lengths: readonly number[];
}

function writeCacheCase({ capacity, width, tokens, lengths }: CacheSize): ConformanceCase {
  return opCase({
    name: `${tokens} rows of ${width} at ${lengths.join(", ")} of ${capacity}`,
    op: writeCache,
    attributes: { batch: lengths.length },
    inputs: [
      floats("cache", [lengths.length * capacity, width]),
      floats("x", [lengths.length * tokens, width]),
      integers("lengths", lengths),
    ],
    inPlace: [[0, 0]],
    outputs: [exactly("rows are copied")],
    oracle(data) {
      const cache = Float64Array.from(data.get("cache")!);
      const x = Float64Array.from(data.get("x")!);
      lengths.forEach((length, sequence) =>
        cache.set(x.subarray(sequence * tokens * width, (sequence + 1) * tokens * width), (sequence * capacity + length) * width),
      );
      return [cache];
    },
  });
}

interface CachedOptions {
  readonly tokens: number;
  readonly capacity: number;
  readonly lengths: readonly number[];
  readonly queryHeads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly window?: number;
  readonly softcap?: number;
}

function cachedAttentionCase({
  tokens,
  capacity,
  lengths,
  queryHeads,
  keyValueHeads,
  headDim,
  window = 0,
  softcap = 0,
}: CachedOptions): ConformanceCase {
  const batch = lengths.length;
  const attributes: AttentionAttributes = { batch, queryHeads, keyValueHeads, headDim, scale: 1 / Math.sqrt(headDim), window, softcap };
  return opCase({
    name: `${tokens} tokens after ${lengths.join(", ")} of ${capacity}, ${queryHeads}/${keyValueHeads} heads of ${headDim}${window ? `, window ${window}` : ""}${softcap ? `, soft cap ${softcap}` : ""}`,
    op: cachedAttention,
    attributes,
    inputs: [
      floats("q", [batch * tokens, queryHeads * headDim]),
      floats("keys", [batch * capacity, keyValueHeads * headDim]),
      floats("values", [batch * capacity, keyValueHeads * headDim]),
      integers("lengths", lengths),
    ],
    outputs: [attentionTolerance(capacity, headDim, 1, softcap).output],
    oracle(data) {
      const [out] = naiveAttention(data.get("q")!, data.get("keys")!, data.get("values")!, attributes, {
        queries: tokens,
        keys: capacity,
        sees(sequence, i, j) {
          const position = lengths[sequence]! + i;
          return j <= position && (window === 0 || position - j < window);
        },
      });
      return [out];
    },
  });
}

/** Writing a whole sequence to an empty cache and attending over it is plain attention. */
const cachedEqualsPlain: ConformanceCase = {
  name: "cachedAttention: writing then attending equals attention of the whole sequence",
  tensors: [
    floats("q", [2 * 17, 4 * 8]),
    floats("k", [2 * 17, 2 * 8]),
    floats("v", [2 * 17, 2 * 8]),
    integers(
      "segments",
      Array.from({ length: 34 }, () => 1),
    ),
    integers("lengths", [0, 0]),
    { ...floats("keys", [2 * 20, 2 * 8]), updated: true },
    { ...floats("values", [2 * 20, 2 * 8]), updated: true },
  ],
  record(tape, [q, k, v, segments, lengths, keys, values], output) {
    const attributes: AttentionAttributes = { batch: 2, queryHeads: 4, keyValueHeads: 2, headDim: 8, scale: 0.3, window: 6, softcap: 0 };
    const [plain] = tape.apply(attention, [q!, k!, v!, segments!], attributes, [output("plain", q!.shape)]);
    const [filledKeys] = tape.apply(writeCache, [keys!, k!, lengths!], { batch: 2 }, [keys]);
    const [filledValues] = tape.apply(writeCache, [values!, v!, lengths!], { batch: 2 }, [values]);
    return [plain!, tape.apply(cachedAttention, [q!, filledKeys!, filledValues!, lengths!], attributes, [output("cached", q!.shape)])[0]!];
  },
  outputs: [attentionTolerance(17, 8).output, attentionTolerance(17, 8).output],
  oracle(data) {
    const attributes: AttentionAttributes = { batch: 2, queryHeads: 4, keyValueHeads: 2, headDim: 8, scale: 0.3, window: 6, softcap: 0 };
    const [out] = naiveAttention(data.get("q")!, data.get("k")!, data.get("v")!, attributes, {
      queries: 17,
      keys: 17,
      sees: (_, i, j) => j <= i && i - j < 6,
    });
    return [out, out];
  },
};

export const generationCases: readonly ConformanceCase[] = [
  writeCacheCase({ capacity: 1, width: 1, tokens: 1, lengths: [0] }),
  writeCacheCase({ capacity: 17, width: 65, tokens: 1, lengths: [0, 16, 5] }),
  writeCacheCase({ capacity: 9, width: 8, tokens: 3, lengths: [6, 0] }),
  cachedAttentionCase({ tokens: 1, capacity: 5, lengths: [0], queryHeads: 1, keyValueHeads: 1, headDim: 8 }),
  cachedAttentionCase({ tokens: 1, capacity: 70, lengths: [65, 0, 17], queryHeads: 4, keyValueHeads: 2, headDim: 16 }),
  cachedAttentionCase({ tokens: 5, capacity: 33, lengths: [28, 3], queryHeads: 3, keyValueHeads: 1, headDim: 64 }),
  cachedAttentionCase({ tokens: 3, capacity: 33, lengths: [20, 0], queryHeads: 2, keyValueHeads: 2, headDim: 8, window: 4 }),
  cachedAttentionCase({ tokens: 2, capacity: 17, lengths: [15, 1], queryHeads: 2, keyValueHeads: 1, headDim: 80, softcap: 0.7 }),
  cachedAttentionCase({ tokens: 1, capacity: 300, lengths: [280], queryHeads: 1, keyValueHeads: 1, headDim: 128 }),
  cachedEqualsPlain,
];
