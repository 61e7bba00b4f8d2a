import { BackendError, type AttentionAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import { rowRanges } from "../../rowRanges.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { softcapFunctions } from "../../wgsl/softcap.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { attentionParameters, attentionValues, headBindings, loadVector, LOWEST, storeVector } from "./headTile.ts";
import { sequencesOf } from "./sequenceRanges.ts";

const COLUMNS = 64;
/** Keys scored at a time, one a thread; a head of up to 4 x KEYS dimensions has one vec4 a thread. */
const KEYS = 64;

/** cache[sequence, lengths[sequence] + t] = x[sequence, t], in place. */
export const writeCache: OpEmitter = (emitter, { inputs: [cache, x, lengths], outputs: [updated], attributes }) => {
  emitCopy(emitter, cache!, updated!);
  const batch = attributes["batch"] as number;
  const width = x!.shape[1]!;
  const tokens = x!.shape[0]! / batch;
  const capacity = cache!.shape[0]! / batch;
  const kernel = kernelVariant("writeCache", () => ({
    label: "writeCache",
    workgroupSize: [COLUMNS, 1],
    bindings: { x: "read f32", lengths: "read i32", cache: "read_write f32" },
    parameters: { rows: "u32", tokens: "u32", capacity: "u32", width: "u32", firstSequence: "u32" },
    body: `
  let c = group.x * ${COLUMNS}u + lane;
  if (c >= p.width) { return; }
  for (var r = group.y; r < p.rows; r += groups.y) {
    let sequence = r / p.tokens;
    let slot = u32(lengths[p.firstSequence + sequence]) + r % p.tokens;
    if (slot < p.capacity) { cache[(sequence * p.capacity + slot) * p.width + c] = x[r * p.width + c]; }
  }`,
  }));
  for (const range of rowRanges("writeCache", batch, [capacity * width * 4, tokens * width * 4], emitter.limits.maxBindingBytes)) {
    const rows = range.count * tokens;
    emitter.dispatch(
      kernel,
      { x: sequencesOf(x!, batch, range), lengths: lengths!, cache: sequencesOf(updated!, batch, range) },
      { rows, tokens, capacity, width, firstSequence: range.start },
      [Math.ceil(width / COLUMNS), Math.min(rows, emitter.limits.maxWorkgroupsPerDimension)],
    );
  }
};

/** Attention of new tokens over a key/value cache, one workgroup a query and head. */
export const cachedAttention: OpEmitter = (emitter, { inputs: [q, keys, values, lengths], outputs: [out], attributes }) => {
  const settings = attributes as AttentionAttributes;
  const { batch, queryHeads, keyValueHeads, headDim } = settings;
  const tokens = q!.shape[0]! / batch;
  const capacity = keys!.shape[0]! / batch;
  if (headDim > 4 * KEYS) {
    throw new BackendError("unsupported-op", `cachedAttention: heads of up to ${4 * KEYS} dimensions, got ${headDim}`);
  }
  const sizes = [tokens * queryHeads * headDim * 4, capacity * keyValueHeads * headDim * 4];
  for (const range of rowRanges("cachedAttention", batch, sizes, emitter.limits.maxBindingBytes)) {
    emitter.dispatch(
      cachedKernel(headDim),
      {
        q: sequencesOf(q!, batch, range),
        k: sequencesOf(keys!, batch, range),
        v: sequencesOf(values!, batch, range),
        lengths: lengths!,
        out: sequencesOf(out!, batch, range),
      },
      { ...attentionValues(settings, tokens), capacity, firstSequence: range.start },
      [tokens, queryHeads, range.count],
    );
  }
};

function cachedKernel(headDim: number): Kernel {
  const vectors = Math.ceil(headDim / 4);
  return kernelVariant(`cachedAttention|${headDim}`, () => ({
    label: `cachedAttention ${headDim}`,
    workgroupSize: [KEYS, 1],
    bindings: {
      ...headBindings("read", headDim, { q: "f32", k: "f32", v: "f32" }),
      lengths: "read i32",
      ...headBindings("read_write", headDim, { out: "f32" }),
    },
    parameters: { ...attentionParameters, capacity: "u32", firstSequence: "u32" },
    declarations: [
      workgroupReduction(KEYS),
      `var<workgroup> weights: array<f32, ${KEYS}>;\nvar<workgroup> queryVectors: array<vec4f, ${vectors}>;\n`,
      loadVector("q", headDim),
      loadVector("k", headDim),
      loadVector("v", headDim),
      storeVector("out", headDim, { out: "f32" }),
      softcapFunctions,
    ].join(""),
    body: `
  let sequence = group.z;
  let head = group.y;
  let keyHead = head / (p.queryHeads / p.keyValueHeads);
  let keyWidth = p.keyValueHeads * ${headDim}u;
  let base = (sequence * p.tokens + group.x) * p.queryHeads * ${headDim}u + head * ${headDim}u;
  for (var vector = lane; vector < ${vectors}u; vector += ${KEYS}u) { queryVectors[vector] = load_q(base, vector); }
  let endKey = min(u32(lengths[p.firstSequence + sequence]) + group.x + 1u, p.capacity);
  var firstKey = 0u;
  if (p.window != 0u && endKey > p.window) { firstKey = endKey - p.window; }
  var peak = ${LOWEST};
  var total = 0.0;
  var sum = vec4f();
  for (var keyStart = firstKey; keyStart < endKey; keyStart += ${KEYS}u) {
    workgroupBarrier();
    let key = keyStart + lane;
    var score = ${LOWEST};
    if (key < endKey) {
      let keyBase = (sequence * p.capacity + key) * keyWidth + keyHead * ${headDim}u;
      var product = 0.0;
      for (var vector = 0u; vector < ${vectors}u; vector++) { product += dot(queryVectors[vector], load_k(keyBase, vector)); }
      score = capped(p.scale * product);
    }
    let newPeak = max(peak, workgroupMax(score, lane));
    let rescale = exp(max(peak - newPeak, -100.0));
    peak = newPeak;
    weights[lane] = select(0.0, exp(min(score - peak, 0.0)), key < endKey);
    workgroupBarrier();
    total *= rescale;
    sum *= rescale;
    for (var j = 0u; j < min(${KEYS}u, endKey - keyStart); j++) {
      total += weights[j];
      if (lane < ${vectors}u) { sum += weights[j] * load_v((sequence * p.capacity + keyStart + j) * keyWidth + keyHead * ${headDim}u, lane); }
    }
  }
  if (lane < ${vectors}u) { store_out(base, lane, sum / total); }`,
  }));
}
