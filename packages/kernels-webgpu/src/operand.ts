import { bytesPerElement, elementCount, type TensorType } from "@sft/kernels";

/** A tensor in some piece of device memory. Operands with the same storage number are the same memory. */
export interface Operand extends TensorType {
  readonly storage: number;
}

/** Consecutive elements of an operand, as one kernel sees them. */
export interface OperandRange {
  readonly operand: Operand;
  /** First element. */
  readonly start: number;
  /** Number of elements. */
  readonly length: number;
}

/** Columns of a two-dimensional operand, and the length of a one-dimensional one's rows: 1. */
export function rowWidth(operand: TensorType): number {
  return operand.shape.length < 2 ? 1 : elementCount(operand.shape.slice(1));
}

/** Bytes of one row. */
export function rowBytes(operand: TensorType): number {
  return rowWidth(operand) * bytesPerElement(operand.dtype);
}

/** Rows `start` to `start + count` of an operand. */
export function rowsOf(operand: Operand, start: number, count: number): OperandRange {
  const width = rowWidth(operand);
  return { operand, start: start * width, length: count * width };
}
