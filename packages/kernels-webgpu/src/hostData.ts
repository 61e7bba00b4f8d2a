import { BackendError, type DType, type HostArray } from "@sft/kernels";

/** Host data in the element type of a buffer. @throws BackendError "bad-buffer" when the array is of another kind. */
export function toDeviceArray(dtype: DType, data: HostArray): Float32Array | Int32Array | Uint16Array {
  if (dtype === "f32" && data instanceof Float32Array) return data;
  if (dtype === "f32" && data instanceof Float64Array) return Float32Array.from(data);
  if (dtype === "i32" && data instanceof Int32Array) return data;
  if ((dtype === "f16" || dtype === "bf16") && data instanceof Uint16Array) return data;
  throw new BackendError("bad-buffer", `a buffer of ${dtype} takes ${expectedArray(dtype)}, got ${(data as object).constructor.name}`);
}

/** Bytes read from a buffer, as the array of its element type. */
export function toHostArray(dtype: DType, bytes: ArrayBuffer): HostArray {
  if (dtype === "f32") return new Float32Array(bytes);
  return dtype === "i32" ? new Int32Array(bytes) : new Uint16Array(bytes);
}

function expectedArray(dtype: DType): string {
  if (dtype === "f32") return "Float32Array or Float64Array";
  return dtype === "i32" ? "Int32Array" : "Uint16Array (bits)";
}
