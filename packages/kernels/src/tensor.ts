/** Element types of program tensors. "f32" is the working float: a float64 reference backend computes it in float64. */
export type DType = "f32" | "f16" | "bf16" | "i32";

/**
 * What a tensor is for. Everything but "activation" lives in buffers that the caller allocates and binds by name;
 * activations are placed by the backend from the memory plan and hold nothing between runs.
 */
export type TensorRole = "parameter" | "gradient" | "state" | "input" | "output" | "activation";

/** Shape and element type of a tensor. */
export interface TensorType {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** One entry of a program's tensor table. Names of non-activations are unique: they are what buffers are bound by. */
export interface TensorSpec extends TensorType {
  readonly name: string;
  readonly role: TensorRole;
}

const BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, i32: 4 };

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return BYTES[dtype];
}

/** Number of elements of a shape; 1 for a scalar shape []. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of a tensor without padding. */
export function byteLength(type: TensorType): number {
  return elementCount(type.shape) * bytesPerElement(type.dtype);
}

/** "f32[16, 256]", for messages. */
export function describeType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(", ")}]`;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
