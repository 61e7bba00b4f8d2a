import { elementCount } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant, type Kernel } from "../../kernel.ts";
import { rowRanges } from "../../rowRanges.ts";
import { isNonFinite, workgroupReduction } from "../../wgsl/reduction.ts";

const THREADS = 256;
/** Workgroups of one tensor: enough to read a large one at the speed of memory. */
const MAX_GROUPS = 1024;
/** Loads that a thread has under way at once. */
const IN_FLIGHT = 4;

/** Sums of squares of `count` elements, read four at a time where their number allows it: `width` is 4 or 1. */
function sumsKernel(width: 1 | 4): Kernel {
  const element = width === 4 ? "vec4f" : "f32";
  const fault = (value: string): string =>
    width === 1 ? `isNonFinite(${value})` : ["x", "y", "z", "w"].map((part) => `isNonFinite(${value}.${part})`).join(" || ");
  const values = Array.from({ length: IN_FLIGHT }, (_, index) => `value${index}`);
  return kernelVariant(`gradNorm|sums|${width}`, () => ({
    label: "gradNorm, sums",
    workgroupSize: [THREADS, 1],
    bindings: { x: `read ${element}`, sums: "read_write vec2f" },
    parameters: { count: "u32", firstSlot: "u32" },
    declarations: `${workgroupReduction(THREADS)}${isNonFinite}`,
    body: `
  var squares = ${element}(0.0);
  var faults = 0.0;
  let stride = groups.x * ${THREADS}u;
  var i = group.x * ${THREADS}u + lane;
  for (; i + ${IN_FLIGHT - 1}u * stride < p.count; i += ${IN_FLIGHT}u * stride) {
${values.map((value, index) => `    let ${value} = x[i + ${index}u * stride];`).join("\n")}
${values.map((value) => `    squares += ${value} * ${value};`).join("\n")}
    if (${values.map(fault).join(" || ")}) { faults = 1.0; }
  }
  for (; i < p.count; i += stride) {
    let value = x[i];
    squares += value * value;
    if (${fault("value")}) { faults = 1.0; }
  }
  let total = workgroupSum(${width === 4 ? "(squares.x + squares.y) + (squares.z + squares.w)" : "squares"}, lane);
  let anyFault = workgroupMax(faults, lane);
  if (lane == 0u) { sums[p.firstSlot + group.x] = vec2f(total, anyFault); }`,
  }));
}

/**
 * norm = [sqrt of the sum of squares, 1 if finite else 0]. Every workgroup writes its sum and whether it met a value that is not
 * finite to a slot of its own; one workgroup then adds the slots in a fixed tree.
 */
export const gradNorm: OpEmitter = (emitter, { inputs, outputs: [norm] }) => {
  const ranges = inputs.flatMap((input) =>
    rowRanges("gradNorm", elementCount(input.shape), [4], emitter.limits.maxBindingBytes).map(({ start, count }) => ({
      operand: input,
      start,
      length: count,
      groups: Math.min(MAX_GROUPS, Math.ceil(count / (THREADS * 8))),
    })),
  );
  const slots = ranges.reduce((sum, range) => sum + range.groups, 0);
  const partials = emitter.scratch({ shape: [Math.max(1, slots), 2], dtype: "f32" });
  let firstSlot = 0;
  for (const { groups, ...range } of ranges) {
    const width = range.length % 4 === 0 ? 4 : 1;
    emitter.dispatch(sumsKernel(width), { x: range, sums: partials }, { count: range.length / width, firstSlot }, [groups]);
    firstSlot += groups;
  }
  const total = kernelVariant("gradNorm|total", () => ({
    label: "gradNorm, total",
    workgroupSize: [THREADS, 1],
    bindings: { sums: "read vec2f", norm: "read_write f32" },
    parameters: { slots: "u32" },
    declarations: workgroupReduction(THREADS) + isNonFinite,
    body: `
  var squares = 0.0;
  var faults = 0.0;
  for (var i = lane; i < p.slots; i += ${THREADS}u) { squares += sums[i].x; faults = max(faults, sums[i].y); }
  let value = sqrt(workgroupSum(squares, lane));
  let anyFault = workgroupMax(faults, lane);
  if (lane == 0u) {
    norm[0] = value;
    norm[1] = select(1.0, 0.0, anyFault > 0.0 || isNonFinite(value));
  }`,
  }));
  emitter.dispatch(total, { sums: partials, norm: norm! }, { slots }, [1]);
};

/** gate = [norm without the loss scale, whether it is finite, what takes the scale out of a gradient]. */
export const unscaleNorm: OpEmitter = (emitter, { inputs: [norm, scale], outputs: [gate] }) => {
  const kernel = kernelVariant("unscaleNorm", () => ({
    label: "unscaleNorm",
    workgroupSize: [1, 1],
    bindings: { norm: "read f32", scale: "read f32", gate: "read_write f32" },
    parameters: {},
    body: `
  gate[0] = norm[0] / scale[0];
  gate[1] = norm[1];
  gate[2] = 1.0 / scale[0];`,
  }));
  emitter.dispatch(kernel, { norm: norm!, scale: scale!, gate: gate! }, {}, [1]);
};
