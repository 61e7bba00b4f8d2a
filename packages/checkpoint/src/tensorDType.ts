/** Element types by the names that safetensors gives them. */
export type TensorDType = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U64" | "U32" | "U16" | "U8" | "BOOL";

/** Floating-point types, those that `readFloat32` widens and that saving may convert between. */
export type FloatDType = "F64" | "F32" | "F16" | "BF16";

const elementBytes: ReadonlyMap<string, number> = new Map<TensorDType, number>([
  ["U64", 8],
  ["I64", 8],
  ["F64", 8],
  ["F32", 4],
  ["U32", 4],
  ["I32", 4],
  ["BF16", 2],
  ["F16", 2],
  ["U16", 2],
  ["I16", 2],
  ["I8", 1],
  ["U8", 1],
  ["BOOL", 1],
]);

/** The types in the order in which the reference writer lays tensors out: wide ones first, so that all are aligned. */
export const dtypesInFileOrder: readonly TensorDType[] = [...elementBytes.keys()] as TensorDType[];

/** Types of the format that no array of this package holds: quantised floats and complex numbers. */
export const unsupportedDTypes: readonly string[] = [
  "F4",
  "F6_E2M3",
  "F6_E3M2",
  "F8_E5M2",
  "F8_E4M3",
  "F8_E8M0",
  "F8_E4M3FNUZ",
  "F8_E5M2FNUZ",
  "C64",
];

/** Whether `name` is a type that this package reads and writes. */
export function isTensorDType(name: unknown): name is TensorDType {
  return typeof name === "string" && elementBytes.has(name);
}

/** Whether `dtype` is one of the four floating-point types. */
export function isFloatDType(dtype: TensorDType): dtype is FloatDType {
  return dtype === "F32" || dtype === "BF16" || dtype === "F16" || dtype === "F64";
}

/** Bytes of one element. */
export function bytesPerElement(dtype: TensorDType): number {
  return elementBytes.get(dtype)!;
}
