/**
 * WGSL functions that combine one value a thread over a workgroup of `size` threads (a power of two) in a fixed tree, so that
 * the same data give the same bits. Every thread must call them; every thread gets the result.
 */
export function workgroupReduction(size: number): string {
  const reduce = (name: string, combine: string): string => `
fn ${name}(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  reduced[lane] = value;
  for (var stride = ${size / 2}u; stride > 0u; stride >>= 1u) {
    workgroupBarrier();
    if (lane < stride) { reduced[lane] = ${combine}; }
  }
  workgroupBarrier();
  return reduced[0];
}`;
  return `
var<workgroup> reduced: array<f32, ${size}>;
${reduce("workgroupSum", "reduced[lane] + reduced[lane + stride]")}
${reduce("workgroupMax", "max(reduced[lane], reduced[lane + stride])")}
`;
}

/** Lanes of a subgroup where sums go through registers. */
const SUBGROUP = 32;

/**
 * WGSL function `rowSum(value, lane)` for workgroups of `threads` threads that work on `threads / lanes` rows, `lanes` (a power of
 * two) consecutive threads a row: every thread gets the sum over its row, in a fixed order. Every thread must call it. With
 * `subgroups` of 32 consecutive threads (the kernel enables them) values are handed from register to register.
 */
export function rowReduction(threads: number, lanes: number, subgroups: boolean): string {
  if (lanes === 1) return "fn rowSum(value: f32, lane: u32) -> f32 { return value; }\n";
  if (!subgroups) {
    return `
var<workgroup> reduced: array<f32, ${threads}>;
fn rowSum(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  reduced[lane] = value;
  for (var stride = ${lanes / 2}u; stride > 0u; stride >>= 1u) {
    workgroupBarrier();
    if (lane % ${lanes}u < stride) { reduced[lane] += reduced[lane + stride]; }
  }
  workgroupBarrier();
  return reduced[lane - lane % ${lanes}u];
}
`;
  }
  const steps: string[] = [];
  for (let stride = Math.min(lanes, SUBGROUP) / 2; stride >= 1; stride /= 2) steps.push(`  sum += subgroupShuffleXor(sum, ${stride}u);`);
  const across = lanes / SUBGROUP;
  if (across <= 1) return `fn rowSum(value: f32, lane: u32) -> f32 {\n  var sum = value;\n${steps.join("\n")}\n  return sum;\n}\n`;
  return `
var<workgroup> reduced: array<f32, ${threads / SUBGROUP}>;
fn rowSum(value: f32, lane: u32) -> f32 {
  var sum = value;
${steps.join("\n")}
  workgroupBarrier();
  if (lane % ${SUBGROUP}u == 0u) { reduced[lane / ${SUBGROUP}u] = sum; }
  workgroupBarrier();
  let firstPart = lane / ${lanes}u * ${across}u;
  return ${Array.from({ length: across }, (_, part) => `reduced[firstPart + ${part}u]`).join(" + ")};
}
`;
}

/** WGSL: whether a float is NaN or infinite, by its bits, since WGSL lets a compiler assume that no such value exists. */
export const isNonFinite: string = `
fn isNonFinite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u; }
`;
