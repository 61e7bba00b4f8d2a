import { elementCount } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import type { Operand, OperandRange } from "../../operand.ts";
import { rowRanges, type RowRange } from "../../rowRanges.ts";
import { rowReduction } from "../../wgsl/reduction.ts";

/** Threads of a workgroup that normalises. */
export const NORM_THREADS = 256;

/** Threads a normalised row: few for the norm of a head, all for a hidden state. */
export function lanesFor(width: number): number {
  if (width <= 8) return 1;
  if (width <= 64) return 16;
  return width <= 512 ? 64 : 256;
}

/** WGSL that a kernel over rows shares: `rowSum`. */
export function normDeclarations(lanes: number): string {
  return rowReduction(NORM_THREADS, lanes);
}

/**
 * WGSL start of a kernel over rows of `p.width` elements, of which there are `p.count`. Gives `row`, `base` (its first element)
 * and `exists`. A thread walks elements `start` to `end` in steps of the lanes; threads past the last row walk none, but
 * take part in the sums.
 */
export function normPrologue(lanes: number): string {
  return `
  let row = (${linearGroup}) * ${NORM_THREADS / lanes}u + lane / ${lanes}u;
  let exists = row < p.count;
  let base = row * p.width;
  let start = lane % ${lanes}u;
  let end = select(0u, p.width, exists);`;
}

/** Grid for `count` rows. */
export function normGrid(emitter: Emitter, count: number, lanes: number): readonly [x: number, y: number] {
  return linearGrid(Math.ceil(count / (NORM_THREADS / lanes)), emitter.limits);
}

/** Ranges of normalised rows: each is `width` elements of x and one of every statistic. */
export function normRanges(emitter: Emitter, op: string, x: Operand, width: number): readonly RowRange[] {
  return rowRanges(op, elementCount(x.shape) / width, [width * 4, 4], emitter.limits.maxBindingBytes);
}

/** The part of an operand that belongs to a range of rows, `width` elements each. */
export function normRowsOf(operand: Operand, width: number, { start, count }: RowRange): OperandRange {
  return { operand, start: start * width, length: count * width };
}
