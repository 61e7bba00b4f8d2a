import { defineOp, expectType, type OpDefinition } from "../op.ts";
import type { AttentionAttributes } from "./attention.ts";

export type WriteCacheAttributes = { readonly batch: number };

/**
 * cache[batch*S, W] in place: row t of sequence b of x[batch*T, W] goes to row lengths[b] + t of that sequence's S rows.
 * Inputs cache, x, lengths[batch] i32; the output is the cache. The caller keeps lengths[b] + T <= S.
 */
export const writeCache: OpDefinition<WriteCacheAttributes> = defineOp<WriteCacheAttributes>({
  name: "writeCache",
  infer(inputs, { batch }) {
    expectType.count("writeCache", inputs, 3);
    const [cache, x, lengths] = inputs;
    expectType.rank("writeCache", "cache", cache!, 2);
    expectType.shape("writeCache", "x", x!, [x!.shape[0]!, cache!.shape[1]!]);
    expectType.dtype("writeCache", "lengths", lengths!, "i32");
    expectType.shape("writeCache", "lengths", lengths!, [batch]);
    return [{ shape: cache!.shape, dtype: "f32" }];
  },
  mayAlias: [[0, 0]],
});

/**
 * Attention of T new tokens a sequence over a cache that already holds them: query t of sequence b stands at position
 * lengths[b] + t and sees cache rows 0 .. lengths[b] + t (fewer under a window). Inputs q[batch*T, queryHeads*headDim],
 * keyCache[batch*S, keyValueHeads*headDim], valueCache, lengths[batch] i32 (tokens in the cache before these). Output like q.
 */
export const cachedAttention: OpDefinition<AttentionAttributes> = defineOp<AttentionAttributes>({
  name: "cachedAttention",
  infer(inputs, { batch, queryHeads, keyValueHeads, headDim }) {
    expectType.count("cachedAttention", inputs, 4);
    const [q, keys, values, lengths] = inputs;
    expectType.shape("cachedAttention", "q", q!, [q!.shape[0]!, queryHeads * headDim]);
    expectType.shape("cachedAttention", "keyCache", keys!, [keys!.shape[0]!, keyValueHeads * headDim]);
    expectType.shape("cachedAttention", "valueCache", values!, keys!.shape);
    expectType.dtype("cachedAttention", "lengths", lengths!, "i32");
    expectType.shape("cachedAttention", "lengths", lengths!, [batch]);
    return [{ shape: q!.shape, dtype: "f32" }];
  },
});
