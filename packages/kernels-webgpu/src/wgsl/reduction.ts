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

/**
 * WGSL function `rowSum(value, lane)` for workgroups of `threads` threads that work on `threads / lanes` rows, `lanes` (a power of
 * two) consecutive threads a row: every thread gets the sum over its row, in a fixed tree. Every thread must call it.
 */
export function rowReduction(threads: number, lanes: number): string {
  if (lanes === 1) return "fn rowSum(value: f32, lane: u32) -> f32 { return value; }\n";
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

/** WGSL: whether a float is NaN or infinite, by its bits, since WGSL lets a compiler assume that no such value exists. */
export const isNonFinite: string = `
fn isNonFinite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u; }
`;
