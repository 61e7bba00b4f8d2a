import { UNIT, type BlockShape } from "./blockShape.ts";
import { list, LOG2_E, type HalfOperands } from "./blockText.ts";

/** WGSL functions of `ownStatistics`. */
export const statisticsFunctions = `
fn lowOf(values: vec4u) -> vec4f { return vec4f(unpack2x16float(values.x), unpack2x16float(values.y)); }
fn highOf(values: vec4u) -> vec4f { return vec4f(unpack2x16float(values.z), unpack2x16float(values.w)); }`;

/**
 * WGSL that computes, of rows of dOut and out that `readRows` has read as `slope` and `result`, what the gradients need to know of a
 * query, and writes it down for the kernel by keys:
 * statistics[sequence, head, token] = (logSumExp to the base 2, sum over the head of dOut * out, largest |dOut|, 0).
 * A lane has those of its own row as `ownNorm`, `ownTotal` and `ownLargest`, and the largest |dOut| of the row of row tile i that it
 * reads as `largest<i>`. Of a float16 dOut, which is staged as it is, the largest is left out.
 */
export function ownStatistics({ subgroupRows, headDim }: BlockShape, half: HalfOperands<"dOut" | "out">): string {
  const rowTiles = subgroupRows / UNIT;
  const eight = (name: string, isHalf: boolean, at: string): [low: string, high: string] =>
    isHalf ? [`lowOf(${name}Piece${at})`, `highOf(${name}Piece${at})`] : [`${name}Low${at}`, `${name}High${at}`];
  const total = (i: number): string => `
  var total${i} = 0.0;
${list(headDim / UNIT, (d) => {
  const [slopeLow, slopeHigh] = eight("slope", half.dOut, `${i}_${d}`);
  const [low, high] = eight("result", half.out, `${i}_${d}`);
  return `  total${i} += dot(${slopeLow}, ${low}) + dot(${slopeHigh}, ${high});`;
})}
  total${i} += subgroupShuffleXor(total${i}, 1u);`;
  const largest = (i: number): string => `
  var largests${i} = vec4f();
${list(headDim / UNIT, (d) => `  largests${i} = max(largests${i}, max(abs(slopeLow${i}_${d}), abs(slopeHigh${i}_${d})));`)}
  var largest${i} = largestOf(largests${i});
  largest${i} = max(largest${i}, subgroupShuffleXor(largest${i}, 1u));`;
  /** The row that is this lane's own was read by lanes 2r and 2r + 1 of a row tile. */
  const ownOf = (name: string): string => {
    const [first, second] = Array.from({ length: rowTiles }, (_, i) => `subgroupShuffle(${name}${i}, inSubgroup % 16u * 2u)`);
    return second ? `select(${first!}, ${second}, inSubgroup >= 16u)` : first!;
  };
  return `
${list(rowTiles, (i) => `${total(i)}${half.dOut ? "" : largest(i)}`)}
  let firstStatistic = (sequence * p.queryHeads + head) * p.tokens;
  let ownNorm = ${LOG2_E} * logSumExp[firstStatistic + min(ownRow, p.tokens - 1u)];
  let ownTotal = ${ownOf("total")};
  let ownLargest = ${half.dOut ? "0.0" : ownOf("largest")};
  if (part == 0u && ownRow < p.tokens) { statistics[firstStatistic + ownRow] = vec4f(ownNorm, ownTotal, ownLargest, 0.0); }`;
}
