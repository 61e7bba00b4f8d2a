import { elementCount, type AttentionAttributes } from "@sft/kernels";
import type { KernelLimits } from "../../dispatch.ts";
import type { Operand, OperandRange } from "../../operand.ts";
import { rowRanges, type RowRange } from "../../rowRanges.ts";

/** Ranges of whole sequences whose queries, keys and row statistics can be bound. */
export function sequenceRanges(op: string, settings: AttentionAttributes, tokens: number, limits: KernelLimits): readonly RowRange[] {
  const { batch, queryHeads, keyValueHeads, headDim } = settings;
  const sizes = [queryHeads * headDim, keyValueHeads * headDim, 1, queryHeads, 2 * queryHeads].map((width) => tokens * width * 4);
  return rowRanges(op, batch, sizes, limits.maxBindingBytes);
}

/** The part of an operand that belongs to a range of sequences; operands are laid out sequence after sequence. */
export function sequencesOf(operand: Operand, batch: number, { start, count }: RowRange): OperandRange {
  const length = elementCount(operand.shape) / batch;
  return { operand, start: start * length, length: count * length };
}
