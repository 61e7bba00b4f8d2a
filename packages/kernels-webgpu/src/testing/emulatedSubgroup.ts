import { defineKernel, type Kernel } from "../kernel.ts";

/** By the start of a call in the kernels of attention, the function for operands of that type. */
const typed: readonly (readonly [call: string, instead: string])[] = [
  ["subgroupShuffleXor(select(low, high", "shuffledXorPair(select(low, high"],
  ["subgroupShuffleXor(", "shuffledXor("],
  ["subgroupShuffle(", "shuffled("],
  ["subgroupMin(low)", "least(low)"],
  ["subgroupMax(high)", "greatest(high)"],
  ["subgroupMin(select(", "leastUnsigned(select("],
  ["subgroupMax(select(", "greatestUnsigned(select("],
  ["subgroupMax(", "largest("],
  ["subgroupAll(", "allOf("],
  ["subgroupAny(", "anyOf("],
];

/**
 * A kernel for workgroups of one subgroup of 32 lanes as one for any device: lanes exchange values through workgroup memory, for
 * which all of them wait. Knows the types that the kernels of attention exchange.
 */
export function emulateSubgroup(kernel: Kernel): Kernel {
  const { source } = kernel;
  if (source.workgroupSize[0] * source.workgroupSize[1] !== 32) throw new Error(`${kernel.label} has several subgroups`);
  const body = typed.reduce((text, [call, instead]) => text.replaceAll(call, instead), source.body);
  if (/subgroup[A-Z]/.test(body)) throw new Error(`${kernel.label} exchanges values in a way that is not emulated`);
  return defineKernel({
    ...source,
    // Its one subgroup is the workgroup: all branches on what is the same in a subgroup are the same for all who wait.
    enable: ["chromium_disable_uniformity_analysis"],
    declarations: `${source.declarations ?? ""}
var<private> ownLane: u32;
var<workgroup> exchanged: array<u32, 32>;
fn exchange(value: u32) {
  workgroupBarrier();
  exchanged[ownLane] = value;
  workgroupBarrier();
}
fn shuffledBits(value: u32, other: u32) -> u32 { exchange(value); return exchanged[other]; }
fn shuffled(value: f32, other: u32) -> f32 { return bitcast<f32>(shuffledBits(bitcast<u32>(value), other)); }
fn shuffledXor(value: f32, mask: u32) -> f32 { return shuffled(value, ownLane ^ mask); }
fn shuffledXorPair(value: vec2u, mask: u32) -> vec2u {
  return vec2u(shuffledBits(value.x, ownLane ^ mask), shuffledBits(value.y, ownLane ^ mask));
}
fn largest(value: f32) -> f32 {
  exchange(bitcast<u32>(value));
  var found = value;
  for (var other = 0u; other < 32u; other++) { found = max(found, bitcast<f32>(exchanged[other])); }
  return found;
}
fn greatest(value: i32) -> i32 { return i32(largest(f32(value))); }
fn least(value: i32) -> i32 { return -greatest(-value); }
fn greatestUnsigned(value: u32) -> u32 { return u32(greatest(i32(value))); }
fn leastUnsigned(value: u32) -> u32 { return u32(least(i32(value))); }
fn anyOf(value: bool) -> bool { return largest(select(0.0, 1.0, value)) == 1.0; }
fn allOf(value: bool) -> bool { return !anyOf(!value); }`,
    body: `  ownLane = lane;\n${body}`,
  });
}
