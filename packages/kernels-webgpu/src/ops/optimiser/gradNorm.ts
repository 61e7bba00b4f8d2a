import { elementCount } from "@sft/kernels";
import type { OpEmitter } from "../../dispatch.ts";
import { kernelVariant } from "../../kernel.ts";
import { rowRanges } from "../../rowRanges.ts";
import { isNonFinite, workgroupReduction } from "../../wgsl/reduction.ts";

const THREADS = 256;
/** Workgroups of one tensor: enough to read a large one at the speed of memory. */
const MAX_GROUPS = 1024;

/**
 * norm = [sqrt of the sum of squares, 1 if finite else 0]. Every workgroup writes its sum and whether it met a value that is not
 * finite to a slot of its own; one workgroup then adds the slots in a fixed tree.
 */
export const gradNorm: OpEmitter = (emitter, { inputs, outputs: [norm] }) => {
  const sums = kernelVariant("gradNorm|sums", () => ({
    label: "gradNorm, sums",
    workgroupSize: [THREADS, 1],
    bindings: { x: "read f32", sums: "read_write vec2f" },
    parameters: { count: "u32", firstSlot: "u32" },
    declarations: workgroupReduction(THREADS) + isNonFinite,
    body: `
  var squares = 0.0;
  var faults = 0.0;
  for (var i = group.x * ${THREADS}u + lane; i < p.count; i += groups.x * ${THREADS}u) {
    let value = x[i];
    squares += value * value;
    if (isNonFinite(value)) { faults = 1.0; }
  }
  let total = workgroupSum(squares, lane);
  let anyFault = workgroupMax(faults, lane);
  if (lane == 0u) { sums[p.firstSlot + group.x] = vec2f(total, anyFault); }`,
  }));
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
    emitter.dispatch(sums, { x: range, sums: partials }, { count: range.length, firstSlot }, [groups]);
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
