import type { AttentionAttributes } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant, type BindingType, type Kernel } from "../../kernel.ts";
import { softcapFunctions } from "../../wgsl/softcap.ts";
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
  stageTile,
  storeVector,
  tileVariable,
  visibleFunction,
  type HeadTile,
  type HeadTypes,
} from "./headTile.ts";
import { suitsMatrixUnits } from "./onMatrixUnits/blockShape.ts";
import { attentionGradOnMatrixUnits } from "./onMatrixUnits/grad.ts";
import { sequenceRanges, sequencesOf } from "./sequenceRanges.ts";

const THREADS = 64;

/**
 * dq, dk and dv from recomputed scores. Three passes, none of which shares a sum between workgroups: the statistics of each
 * query (logSumExp and sum(dOut * out)); dq by blocks of queries; dk and dv by blocks of keys, the query heads of a key head one
 * after the other.
 */
export const attentionGrad: OpEmitter = (emitter, call) => {
  const {
    inputs: [dOut, q, k, v, segments, out, logSumExp],
    outputs: [dq, dk, dv],
    attributes,
  } = call;
  const settings = attributes as AttentionAttributes;
  if (suitsMatrixUnits(emitter.limits, settings.headDim)) return attentionGradOnMatrixUnits(emitter, call);
  const { batch, queryHeads, keyValueHeads, headDim } = settings;
  const tokens = q!.shape[0]! / batch;
  const tile = headTile(headDim, 4, emitter.limits);
  const statistics = emitter.scratch({ shape: [q!.shape[0]! * queryHeads, 2], dtype: "f32" });
  const values = attentionValues(settings, tokens);
  const blocks = Math.ceil(tokens / tile.block);
  const inputTypes = headTypes({ dOut: dOut!, q: q!, k: k!, v: v! });
  for (const range of sequenceRanges("attentionGrad", settings, tokens, emitter.limits)) {
    const part = (operand: typeof q) => sequencesOf(operand!, batch, range);
    const rows = range.count * queryHeads * tokens;
    emitter.dispatch(
      statisticsKernel(headDim, headTypes({ dOut: dOut!, out: out! })),
      { dOut: part(dOut), out: part(out), logSumExp: part(logSumExp), statistics: part(statistics) },
      { count: rows, tokens, queryHeads },
      linearGrid(Math.ceil(rows / THREADS), emitter.limits),
    );
    const shared = { dOut: part(dOut), q: part(q), k: part(k), v: part(v), segments: part(segments), statistics: part(statistics) };
    emitter.dispatch(queryKernel(tile, inputTypes, headTypes({ dq: dq! })), { ...shared, dq: part(dq) }, values, [
      blocks,
      queryHeads,
      range.count,
    ]);
    emitter.dispatch(keyKernel(tile, inputTypes, headTypes({ dk: dk!, dv: dv! })), { ...shared, dk: part(dk), dv: part(dv) }, values, [
      blocks,
      keyValueHeads,
      range.count,
    ]);
  }
};

/** statistics[sequence, head, token] = (logSumExp, sum over the head of dOut * out). */
function statisticsKernel(headDim: number, types: HeadTypes): Kernel {
  return kernelVariant(`attentionGrad|statistics|${headDim}|${headTypesKey(types)}`, () => ({
    label: `attentionGrad ${headDim}, statistics`,
    workgroupSize: [THREADS, 1],
    bindings: {
      ...headBindings("read", headDim, types),
      logSumExp: "read f32",
      statistics: "read_write vec2f",
    },
    parameters: { count: "u32", tokens: "u32", queryHeads: "u32" },
    declarations: loadVector("dOut", headDim) + loadVector("out", headDim),
    body: `
  let thread = (${linearGroup}) * ${THREADS}u + lane;
  if (thread >= p.count) { return; }
  let head = thread % p.queryHeads;
  let token = (thread / p.queryHeads) % p.tokens;
  let sequence = thread / (p.queryHeads * p.tokens);
  let base = thread * ${headDim}u;
  var total = 0.0;
  for (var vector = 0u; vector < ${Math.ceil(headDim / 4)}u; vector++) { total += dot(load_dOut(base, vector), load_out(base, vector)); }
  let slot = (sequence * p.queryHeads + head) * p.tokens + token;
  statistics[slot] = vec2f(logSumExp[slot], total);`,
  }));
}

function gradientDeclarations(tile: HeadTile): string {
  return [
    ...["q", "k", "v", "dOut"].flatMap((name) => [tileVariable(name, tile), loadVector(name, tile.headDim)]),
    `var<workgroup> slopes: array<f32, ${tile.block * tile.block}>;\nvar<workgroup> weights: array<f32, ${tile.block * tile.block}>;\n`,
    softcapFunctions,
    visibleFunction,
  ].join("");
}

function gradientBindings(headDim: number, types: HeadTypes): Record<string, BindingType> {
  return { ...headBindings("read", headDim, types), segments: "read i32", statistics: "read vec2f" };
}

/** dq[i] = scale * sum over keys of ds[i, j] k[j]; thread (row, column) of a block is (query, key). */
function queryKernel(tile: HeadTile, types: HeadTypes, outputs: HeadTypes): Kernel {
  const { headDim, block, stride } = tile;
  return kernelVariant(`attentionGrad|query|${headDim}|${block}|${headTypesKey(types)}|${headTypesKey(outputs)}`, () => ({
    label: `attentionGrad ${headDim}, queries`,
    workgroupSize: [block * block, 1],
    bindings: { ...gradientBindings(headDim, types), ...headBindings("read_write", headDim, outputs) },
    parameters: attentionParameters,
    declarations: gradientDeclarations(tile) + storeVector("dq", headDim, outputs),
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
${stageTile("dOut", tile, "blockStart", "queryWidth", "head")}
  let statistic = statistics[(sequence * p.queryHeads + head) * p.tokens + min(query, p.tokens - 1u)];
  var sums: array<vec4f, ${tile.perThread}>;
  var firstKey = 0u;
  if (p.window != 0u && blockStart + 1u > p.window) { firstKey = (blockStart + 1u - p.window) / ${block}u * ${block}u; }
  let endKey = min(blockStart + ${block}u, p.tokens);
  for (var keyStart = firstKey; keyStart < endKey; keyStart += ${block}u) {
    workgroupBarrier();
${stageTile("k", tile, "keyStart", "keyWidth", "keyHead")}
${stageTile("v", tile, "keyStart", "keyWidth", "keyHead")}
    workgroupBarrier();
    var product = 0.0;
    var dWeight = 0.0;
${addProduct("product", "q", "row", "k", "column", tile)}
${addProduct("dWeight", "dOut", "row", "v", "column", tile)}
    let score = capped(p.scale * product);
    let weight = exp(min(score - statistic.x, 0.0));
    slopes[lane] = select(0.0, weight * (dWeight - statistic.y) * slopeOfCap(score), isVisible(sequence, query, keyStart + column));
    workgroupBarrier();
    for (var j = 0u; j < ${block}u; j++) {
      let slope = slopes[row * ${block}u + j];
      ${forEachVector(tile, `sums[i] += slope * kTile[j * ${stride}u + vector];`)}
    }
  }
  if (query >= p.tokens) { return; }
  let base = (sequence * p.tokens + query) * queryWidth + head * ${headDim}u;
  ${forEachVector(tile, "store_dq(base, vector, p.scale * sums[i]);")}`,
  }));
}

/** dv[j] = sum over queries of weight[i, j] dOut[i] and dk[j] = scale * sum of ds[i, j] q[i]; thread (row, column) is (key, query). */
function keyKernel(tile: HeadTile, types: HeadTypes, outputs: HeadTypes): Kernel {
  const { headDim, block, stride } = tile;
  return kernelVariant(`attentionGrad|key|${headDim}|${block}|${headTypesKey(types)}|${headTypesKey(outputs)}`, () => ({
    label: `attentionGrad ${headDim}, keys`,
    workgroupSize: [block * block, 1],
    bindings: { ...gradientBindings(headDim, types), ...headBindings("read_write", headDim, outputs) },
    parameters: attentionParameters,
    declarations: gradientDeclarations(tile) + storeVector("dk", headDim, outputs) + storeVector("dv", headDim, outputs),
    body: `
  let sequence = group.z;
  let keyHead = group.y;
  let headsPerKeyHead = p.queryHeads / p.keyValueHeads;
  let queryWidth = p.queryHeads * ${headDim}u;
  let keyWidth = p.keyValueHeads * ${headDim}u;
  let blockStart = group.x * ${block}u;
  let row = lane / ${block}u;
  let column = lane % ${block}u;
  let key = blockStart + row;
${stageTile("k", tile, "blockStart", "keyWidth", "keyHead")}
${stageTile("v", tile, "blockStart", "keyWidth", "keyHead")}
  var sumsK: array<vec4f, ${tile.perThread}>;
  var sumsV: array<vec4f, ${tile.perThread}>;
  var endQuery = p.tokens;
  if (p.window != 0u) { endQuery = min(endQuery, blockStart + ${block - 1}u + p.window); }
  for (var head = keyHead * headsPerKeyHead; head < (keyHead + 1u) * headsPerKeyHead; head++) {
    for (var queryStart = blockStart; queryStart < endQuery; queryStart += ${block}u) {
      workgroupBarrier();
${stageTile("q", tile, "queryStart", "queryWidth", "head")}
${stageTile("dOut", tile, "queryStart", "queryWidth", "head")}
      workgroupBarrier();
      let query = queryStart + column;
      let statistic = statistics[(sequence * p.queryHeads + head) * p.tokens + min(query, p.tokens - 1u)];
      var product = 0.0;
      var dWeight = 0.0;
${addProduct("product", "q", "column", "k", "row", tile)}
${addProduct("dWeight", "dOut", "column", "v", "row", tile)}
      let score = capped(p.scale * product);
      let weight = select(0.0, exp(min(score - statistic.x, 0.0)), isVisible(sequence, query, key));
      weights[lane] = weight;
      slopes[lane] = weight * (dWeight - statistic.y) * slopeOfCap(score);
      workgroupBarrier();
      for (var j = 0u; j < ${block}u; j++) {
        let weightOfQuery = weights[row * ${block}u + j];
        let slopeOfQuery = slopes[row * ${block}u + j];
        ${forEachVector(tile, `sumsV[i] += weightOfQuery * dOutTile[j * ${stride}u + vector]; sumsK[i] += slopeOfQuery * qTile[j * ${stride}u + vector];`)}
      }
    }
  }
  if (key >= p.tokens) { return; }
  let base = (sequence * p.tokens + key) * keyWidth + keyHead * ${headDim}u;
  ${forEachVector(tile, "store_dk(base, vector, p.scale * sumsK[i]); store_dv(base, vector, sumsV[i]);")}`,
  }));
}
