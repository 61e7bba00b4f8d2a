import type { AttentionAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import {
  addProduct,
  attentionParameters,
  attentionValues,
  headBindings,
  forEachVector,
  headTile,
  headTypes,
  headTypesKey,
  loadVector,
  LOWEST,
  stageTile,
  storeVector,
  tileVariable,
  visibleFunction,
  type HeadTile,
  type HeadTypes,
} from "./headTile.ts";
import { softcapFunctions } from "../../wgsl/softcap.ts";
import { suitsMatrixUnits } from "./onMatrixUnits/blockShape.ts";
import { attentionOnMatrixUnits } from "./onMatrixUnits/forward.ts";
import { sequenceRanges, sequencesOf } from "./sequenceRanges.ts";

/**
 * Causal attention without the score matrix in memory: one workgroup a block of queries of one head walks the blocks of keys it
 * can see, keeping for each query the highest score so far, the sum of exponentials and the weighted sum of values, rescaled
 * when a higher score comes (Milakov & Gimelshein 2018; Dao et al. 2022).
 */
export const attention: OpEmitter = (emitter, call) => {
  const {
    inputs: [q, k, v, segments],
    outputs: [out, logSumExp],
    attributes,
  } = call;
  const settings = attributes as AttentionAttributes;
  if (suitsMatrixUnits(emitter.limits, settings.headDim)) return attentionOnMatrixUnits(emitter, call);
  const tokens = q!.shape[0]! / settings.batch;
  const tile = headTile(settings.headDim, 3, emitter.limits);
  const heads = settings.queryHeads;
  const types = headTypes({ q: q!, k: k!, v: v!, out: out! });
  for (const range of sequenceRanges("attention", settings, tokens, emitter.limits)) {
    emitter.dispatch(
      forwardKernel(tile, types),
      {
        q: sequencesOf(q!, settings.batch, range),
        k: sequencesOf(k!, settings.batch, range),
        v: sequencesOf(v!, settings.batch, range),
        segments: sequencesOf(segments!, settings.batch, range),
        out: sequencesOf(out!, settings.batch, range),
        logSumExp: sequencesOf(logSumExp!, settings.batch, range),
      },
      attentionValues(settings, tokens),
      [Math.ceil(tokens / tile.block), heads, range.count],
    );
  }
};

function forwardKernel(tile: HeadTile, types: HeadTypes): Kernel {
  const { headDim, block, stride } = tile;
  const { out, ...inputs } = types;
  return kernelVariant(`attention|${headDim}|${block}|${headTypesKey(types)}`, () => ({
    label: `attention ${headDim}`,
    workgroupSize: [block * block, 1],
    bindings: {
      ...headBindings("read", headDim, inputs),
      segments: "read i32",
      ...headBindings("read_write", headDim, { out: out! }),
      logSumExp: "read_write f32",
    },
    parameters: attentionParameters,
    declarations: [
      tileVariable("q", tile),
      tileVariable("k", tile),
      tileVariable("v", tile),
      `var<workgroup> scores: array<f32, ${block * block}>;\nvar<workgroup> weights: array<f32, ${block * block}>;\n`,
      loadVector("q", headDim),
      loadVector("k", headDim),
      loadVector("v", headDim),
      storeVector("out", headDim, types),
      softcapFunctions,
      visibleFunction,
    ].join(""),
    body: `
  let sequence = group.z;
  let head = group.y;
  let keyHead = head / (p.queryHeads / p.keyValueHeads);
  let queryWidth = p.queryHeads * ${headDim}u;
  let keyWidth = p.keyValueHeads * ${headDim}u;
  let blockStart = group.x * ${block}u;
  let row = lane / ${block}u;
  let column = lane % ${block}u;
  let query = blockStart + row;
${stageTile("q", tile, "blockStart", "queryWidth", "head")}
  var peak = ${LOWEST};
  var total = 0.0;
  var sums: array<vec4f, ${tile.perThread}>;
  var firstKey = 0u;
  if (p.window != 0u && blockStart + 1u > p.window) { firstKey = (blockStart + 1u - p.window) / ${block}u * ${block}u; }
  let endKey = min(blockStart + ${block}u, p.tokens);
  for (var keyStart = firstKey; keyStart < endKey; keyStart += ${block}u) {
    workgroupBarrier();
${stageTile("k", tile, "keyStart", "keyWidth", "keyHead")}
${stageTile("v", tile, "keyStart", "keyWidth", "keyHead")}
    workgroupBarrier();
    let seen = isVisible(sequence, query, keyStart + column);
    var product = 0.0;
${addProduct("product", "q", "row", "k", "column", tile)}
    let score = capped(p.scale * product);
    scores[lane] = select(${LOWEST}, score, seen);
    workgroupBarrier();
    var newPeak = peak;
    for (var j = 0u; j < ${block}u; j++) { newPeak = max(newPeak, scores[row * ${block}u + j]); }
    let rescale = exp(max(peak - newPeak, -100.0));
    peak = newPeak;
    weights[lane] = select(0.0, exp(min(score - peak, 0.0)), seen);
    workgroupBarrier();
    total *= rescale;
    ${forEachVector(tile, "sums[i] *= rescale;")}
    for (var j = 0u; j < ${block}u; j++) {
      let weight = weights[row * ${block}u + j];
      total += weight;
      ${forEachVector(tile, `sums[i] += weight * vTile[j * ${stride}u + vector];`)}
    }
  }
  if (query >= p.tokens) { return; }
  let base = (sequence * p.tokens + query) * queryWidth + head * ${headDim}u;
  ${forEachVector(tile, "store_out(base, vector, sums[i] / total);")}
  if (column == 0u) { logSumExp[(sequence * p.queryHeads + head) * p.tokens + query] = peak + log(total); }`,
  }));
}
