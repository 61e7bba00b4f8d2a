import type { DType, HostArray } from "@sft/kernels";

export type Precision = "float32" | "float64";

/** Bytes that one element takes in this backend: "f32" tensors take eight under float64. */
export function storedBytes(dtype: DType, precision: Precision): number {
  if (dtype === "f32") return precision === "float64" ? 8 : 4;
  return dtype === "i32" ? 4 : 2;
}

/** A view of `length` elements at `address` of the backend's memory. */
export function viewElements(memory: ArrayBufferLike, dtype: DType, precision: Precision, address: number, length: number): HostArray {
  if (dtype === "i32") return new Int32Array(memory, address, length);
  if (dtype !== "f32") return new Uint16Array(memory, address, length);
  return precision === "float64" ? new Float64Array(memory, address, length) : new Float32Array(memory, address, length);
}
