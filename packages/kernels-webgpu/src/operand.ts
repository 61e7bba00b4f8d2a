import { bytesPerElement, elementCount, type TensorType } from "@sft/kernels";

/** A tensor in some piece of device memory. Operands with the same storage number are the same memory. */
export interface Operand extends TensorType {
  readonly storage: number;
  /** Where it begins in its storage, a multiple of 256: 0 unless it is a part of what lies there. */
  readonly byteOffset?: number;
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

/** The type that a kernel reads and writes of a float operand, one or four elements at a time; the same type converts to and from it. */
export type FloatElement = "f32" | "f16" | "vec4f" | "vec4h";

export function floatElement({ dtype }: TensorType, width: 1 | 4): FloatElement {
  if (width === 1) return dtype === "f16" ? "f16" : "f32";
  return dtype === "f16" ? "vec4h" : "vec4f";
}

/** Rows `start` to `start + count` of an operand. */
export function rowsOf(operand: Operand, start: number, count: number): OperandRange {
  const width = rowWidth(operand);
  return { operand, start: start * width, length: count * width };
}

/** Rows `start` to `start + count` as an operand of its own, for kernels that bind whole ones; its first byte is a multiple of 256. */
export function partOfRows(operand: Operand, start: number, count: number): Operand {
  const byteOffset = (operand.byteOffset ?? 0) + start * rowBytes(operand);
  return { ...operand, shape: [count, ...operand.shape.slice(1)], byteOffset };
}
