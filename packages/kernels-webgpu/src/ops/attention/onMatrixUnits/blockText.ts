import { tanhFunction } from "../../../wgsl/softcap.ts";
import type { BlockShape } from "./blockShape.ts";

export const EXTENSIONS: readonly string[] = ["f16", "subgroups", "chromium_experimental_subgroup_matrix"];

/** Lower than any score and finite, and what lies between it and any score. */
export const LOWEST = "-3.0e38";
export const UNSEEN = "-1.0e30";

/** log2(e): exponentials are taken to the base 2, which is what the hardware has. */
export const LOG2_E = "1.4426950408889634";

export function list(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

export function each(rows: number, columns: number, line: (row: number, column: number) => string): string {
  return list(rows, (row) => list(columns, (column) => line(row, column)));
}

/** Whether operands of a kernel are float16 in memory, by binding. Float32 ones are rounded when they are staged. */
export type HalfOperands<Name extends string> = Readonly<Record<Name, boolean>>;

/** Names the variant of a kernel. */
export function halfKey(half: Readonly<Record<string, boolean>>): string {
  return Object.keys(half)
    .filter((name) => half[name])
    .join();
}

/** The types of bindings: eight float16 or four float32 at a time. */
export function operandBindings<Name extends string, Access extends "read" | "read_write">(
  access: Access,
  half: HalfOperands<Name>,
  names: readonly Name[],
): Record<Name, `${Access} ${"vec4u" | "vec4f"}`> {
  return Object.fromEntries(names.map((name) => [name, `${access} ${half[name] ? "vec4u" : "vec4f"}`])) as Record<
    Name,
    `${Access} ${"vec4u" | "vec4f"}`
  >;
}

/** WGSL functions that all kernels share. */
export function sharedDeclarations(softcap: boolean): string {
  return `
fn packed(low: vec4f, high: vec4f) -> vec4u {
  return vec4u(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}
fn largestOf(values: vec4f) -> f32 { return max(max(values.x, values.y), max(values.z, values.w)); }
fn segmentOf(sequence: u32, token: u32) -> i32 { return segments[sequence * p.tokens + min(token, p.tokens - 1u)]; }
/** Queries before key + reach see it. */
fn reach() -> u32 { return select(p.window, 0x7fffffffu, p.window == 0u); }
${
  softcap
    ? `alias T = vec4f;
${tanhFunction}
fn cappedScore(score: vec4f) -> vec4f { return p.softcap * tanhOf(score / p.softcap); }
fn slopeOfCap(capped: vec4f) -> vec4f { let t = capped / p.softcap; return vec4f(1.0) - t * t; }`
    : ""
}`;
}

/** WGSL at the start of every kernel: `rowStart` is the workgroup's first row, the rest says which rows this lane has. */
export function laneDeclarations(shape: BlockShape): string {
  return `
  let inSubgroup = lane % 32u;
  let row = inSubgroup % ${shape.subgroupRows}u;
  let part = inSubgroup / ${shape.subgroupRows}u;
  let firstRow = subgroup * ${shape.subgroupRows}u;
  let ownRow = rowStart + firstRow + row;
  let ownSegment = segmentOf(sequence, ownRow);
  let firstOfSubgroup = rowStart + firstRow;
  let lastOfSubgroup = firstOfSubgroup + ${shape.subgroupRows - 1}u;
  let ownScores = (firstRow + row) * ${shape.scorePitch}u;`;
}
