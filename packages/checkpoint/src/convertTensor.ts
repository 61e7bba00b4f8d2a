import { bfloat16ToFloat32, float32ToBfloat16 } from "./bfloat16.ts";
import { float16ToFloat32, float32ToFloat16 } from "./float16.ts";
import { SafetensorsError } from "./safetensorsError.ts";
import type { FloatDType } from "./tensorDType.ts";
import type { TensorInfo } from "./tensorSource.ts";

// Typed arrays read memory in the machine's order; every machine that Node 20 runs on and that matters here is little-endian.

/** Widens (or for F64 rounds) a float tensor's bytes. `bytes` begins at offset 0 of its buffer. */
export function bytesToFloat32({ name, dtype }: TensorInfo, bytes: Uint8Array, file: string): Float32Array {
  const { buffer } = bytes;
  if (dtype === "F32") return new Float32Array(buffer);
  if (dtype === "BF16") return bfloat16ToFloat32(new Uint16Array(buffer));
  if (dtype === "F16") return float16ToFloat32(new Uint16Array(buffer));
  if (dtype === "F64") return Float32Array.from(new Float64Array(buffer));
  const hint = "Read it with readInt32 or read.";
  throw new SafetensorsError("not-convertible", file, name, `expected a float type, found ${dtype}`, hint);
}

/** Converts an integer or BOOL tensor's bytes, refusing values beyond 32 bits. `bytes` begins at offset 0 of its buffer. */
export function bytesToInt32({ name, dtype }: TensorInfo, bytes: Uint8Array, file: string): Int32Array {
  const { buffer } = bytes;
  if (dtype === "I32") return new Int32Array(buffer);
  if (dtype === "I16") return Int32Array.from(new Int16Array(buffer));
  if (dtype === "I8") return Int32Array.from(new Int8Array(buffer));
  if (dtype === "U16") return Int32Array.from(new Uint16Array(buffer));
  if (dtype === "U8" || dtype === "BOOL") return Int32Array.from(bytes);
  if (dtype === "I64") return narrow(new BigInt64Array(buffer));
  if (dtype === "U64") return narrow(new BigUint64Array(buffer));
  if (dtype === "U32") return narrow(new Uint32Array(buffer));
  const hint = "Read it with readFloat32 or read.";
  throw new SafetensorsError("not-convertible", file, name, `expected an integer type, found ${dtype}`, hint);

  function narrow(values: BigInt64Array | BigUint64Array | Uint32Array): Int32Array {
    const narrowed = new Int32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      narrowed[i] = Number(values[i]);
      if (BigInt(narrowed[i]) !== BigInt(values[i])) {
        const message = `element ${i} is ${values[i]}, which 32 bits do not hold`;
        throw new SafetensorsError("out-of-range", file, name, message, "Read it with read and keep 64 bits.");
      }
    }
    return narrowed;
  }
}

/**
 * Rounds float32 values to the elements of another float type. Refuses a finite value that float16, whose largest is 65504,
 * does not hold: as infinity it would spoil the model.
 */
export function float32ToBytes(values: Float32Array, dtype: FloatDType, tensor: string, file: string): ArrayBufferView {
  if (dtype === "F32") return values;
  if (dtype === "BF16") return float32ToBfloat16(values);
  if (dtype === "F64") return Float64Array.from(values);
  const tooLarge = values.findIndex((value) => Math.abs(value) >= 65520 && Math.abs(value) !== Infinity);
  if (tooLarge >= 0) {
    const message = `element ${tooLarge} is ${values[tooLarge]}, which float16 does not hold (largest 65504)`;
    throw new SafetensorsError("out-of-range", file, tensor, message, "Save it as bfloat16 or float32.");
  }
  return float32ToFloat16(values);
}
