import { dynamicCode, elementCount, STATE_BLOCK } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant } from "../../kernel.ts";
import { rowRanges } from "../../rowRanges.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { clipFunction } from "./updates.ts";

const literals = (signed: boolean): string => Array.from(dynamicCode(signed), (value) => `${value.toExponential()}f`).join(", ");

/** One workgroup a block, one element a thread: unpack, move, find the block's new scales, pack. */
export const adamw8bit: OpEmitter = (emitter, { inputs, outputs, attributes }) => {
  const [, gradient, , , , , schedule, gate] = inputs;
  [0, 2, 3, 4, 5].forEach((input, output) => emitCopy(emitter, inputs[input]!, outputs[output]!));
  const [parameter, m, v, mScale, vScale] = outputs;
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = attributes as Readonly<Record<string, number>>;
  const kernel = kernelVariant("adamw8bit", () => ({
    label: "adamw8bit",
    workgroupSize: [STATE_BLOCK, 1],
    bindings: {
      gradient: "read f32",
      schedule: "read f32",
      gate: "read f32",
      parameter: "read_write f32",
      m: "read_write u32",
      v: "read_write u32",
      mScale: "read_write f32",
      vScale: "read_write f32",
    },
    parameters: {
      blocks: "u32",
      count: "u32",
      beta1: "f32",
      beta2: "f32",
      oneMinusBeta1: "f32",
      oneMinusBeta2: "f32",
      epsilon: "f32",
      weightDecay: "f32",
      maxGradNorm: "f32",
    },
    declarations: `
const SIGNED = array<f32, 256>(${literals(true)});
const UNSIGNED = array<f32, 256>(${literals(false)});
var<workgroup> signed: array<f32, 256>;
var<workgroup> unsigned: array<f32, 256>;
var<workgroup> mBytes: array<u32, ${STATE_BLOCK}>;
var<workgroup> vBytes: array<u32, ${STATE_BLOCK}>;
${workgroupReduction(STATE_BLOCK)}${clipFunction}
fn nearestSigned(x: f32) -> u32 {
  var low = 0u;
  for (var bit = 128u; bit > 0u; bit >>= 1u) { if (signed[low + bit] <= x) { low += bit; } }
  if (low < 255u && x > 0.5 * (signed[low] + signed[low + 1u])) { low += 1u; }
  return low;
}
fn nearestUnsigned(x: f32) -> u32 {
  var low = 0u;
  for (var bit = 128u; bit > 0u; bit >>= 1u) { if (unsigned[low + bit] <= x) { low += bit; } }
  if (low < 255u && x > 0.5 * (unsigned[low] + unsigned[low + 1u])) { low += 1u; }
  return low;
}`,
    body: `
  let block = ${linearGroup};
  if (block >= p.blocks || gate[1] == 0.0) { return; }
  signed[lane] = SIGNED[lane];
  unsigned[lane] = UNSIGNED[lane];
  workgroupBarrier();
  let i = block * ${STATE_BLOCK}u + lane;
  let inside = i < p.count;
  var first = 0.0;
  var second = 0.0;
  if (inside) {
    let shift = 8u * (i & 3u);
    let g = gradient[i] * clipOf(gate[0], gate[2]);
    first = p.beta1 * signed[(m[i >> 2u] >> shift) & 255u] * mScale[block] + p.oneMinusBeta1 * g;
    second = p.beta2 * unsigned[(v[i >> 2u] >> shift) & 255u] * vScale[block] + p.oneMinusBeta2 * g * g;
    let rate = schedule[0];
    parameter[i] = parameter[i] * (1.0 - rate * p.weightDecay) - rate / schedule[1] * first / (sqrt(second) / sqrt(schedule[2]) + p.epsilon);
  }
  let mLargest = workgroupMax(abs(first), lane);
  let vLargest = workgroupMax(second, lane);
  mBytes[lane] = 0u;
  vBytes[lane] = 0u;
  if (inside) {
    mBytes[lane] = nearestSigned(select(first / mLargest, 0.0, mLargest == 0.0));
    vBytes[lane] = nearestUnsigned(select(second / vLargest, 0.0, vLargest == 0.0));
  }
  workgroupBarrier();
  if (inside && (lane & 3u) == 0u) {
    m[i >> 2u] = mBytes[lane] | (mBytes[lane + 1u] << 8u) | (mBytes[lane + 2u] << 16u) | (mBytes[lane + 3u] << 24u);
    v[i >> 2u] = vBytes[lane] | (vBytes[lane + 1u] << 8u) | (vBytes[lane + 2u] << 16u) | (vBytes[lane + 3u] << 24u);
  }
  if (lane == 0u) {
    mScale[block] = mLargest;
    vScale[block] = vLargest;
  }`,
  }));
  const elements = elementCount(parameter!.shape);
  const blocks = mScale!.shape[0]!;
  for (const { start, count } of rowRanges("adamw8bit", blocks, [4 * STATE_BLOCK, STATE_BLOCK, 4], emitter.limits.maxBindingBytes)) {
    const first = start * STATE_BLOCK;
    const length = Math.min(elements - first, count * STATE_BLOCK);
    const floats = (operand: typeof parameter) => ({ operand: operand!, start: first, length });
    const words = (operand: typeof parameter) => ({ operand: operand!, start: first / 4, length: Math.ceil(length / 4) });
    const scales = (operand: typeof parameter) => ({ operand: operand!, start, length: count });
    emitter.dispatch(
      kernel,
      {
        gradient: floats(gradient),
        schedule: schedule!,
        gate: gate!,
        parameter: floats(parameter),
        m: words(m),
        v: words(v),
        mScale: scales(mScale),
        vScale: scales(vScale),
      },
      {
        blocks: count,
        count: length,
        beta1: beta1!,
        beta2: beta2!,
        oneMinusBeta1: 1 - beta1!,
        oneMinusBeta2: 1 - beta2!,
        epsilon: epsilon!,
        weightDecay: weightDecay!,
        maxGradNorm: maxGradNorm!,
      },
      linearGrid(count, emitter.limits),
    );
  }
};
