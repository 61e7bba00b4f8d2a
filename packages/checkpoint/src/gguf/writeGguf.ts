import { streamFileAtomic } from "../atomicFile.ts";
import { float32ToBytes } from "../convertTensor.ts";
import { SafetensorsError } from "../safetensorsError.ts";
import { ByteGatherer, type GgufValue } from "./ggufValue.ts";
import { encodeQ8, q8BlockBytes, q8BlockLength } from "./q8Blocks.ts";

/** Tensor types that are written. */
export type GgufTensorType = "F32" | "F16" | "Q8_0";

/** Type numbers of ggml.h. */
const typeNumbers: Readonly<Record<GgufTensorType, number>> = { F32: 0, F16: 1, Q8_0: 8 };

export interface GgufTensor {
  readonly name: string;
  /** Sizes outermost first, as elsewhere here; GGUF stores them the other way round. */
  readonly shape: readonly number[];
  /** Q8_0 needs an innermost size that is a multiple of 32. */
  readonly type: GgufTensorType;
  /** Fetches the row-major values when their turn comes. */
  readonly data: () => Promise<Float32Array>;
}

export interface GgufContent {
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly tensors: readonly GgufTensor[];
}

/** Bytes to whose multiples the tensors are padded: the format's default. */
const alignment = 32;
/** Elements that are encoded at a time; a multiple of a block. */
const chunkLength = 1 << 20;

/**
 * Writes a GGUF file, version 3 (format: docs/gguf.md of ggml). One tensor is in memory at a time; the file appears under
 * its name only when it is complete and on the disk. Throws `SafetensorsError` "out-of-range" for a value that the type does
 * not hold and "wrong-length" for data that do not fit their shape, `CheckpointError` for a failed write.
 */
export async function writeGguf(path: string, { metadata, tensors }: GgufContent): Promise<void> {
  await streamFileAtomic(path, async (write) => {
    const header = encodeHeader(metadata, tensors);
    await write(header);
    await write(new Uint8Array(paddingAfter(header.length)));
    for (const tensor of tensors) {
      const values = await tensor.data();
      if (values.length !== elementsOf(tensor)) {
        const message = `[${tensor.shape.join(", ")}] takes ${elementsOf(tensor)} elements; its data has ${values.length}`;
        throw new SafetensorsError("wrong-length", path, tensor.name, message, "Give all elements.");
      }
      for (let start = 0; start < values.length; start += chunkLength) {
        const chunk = encode(values.subarray(start, start + chunkLength), tensor, path);
        await write(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      }
      await write(new Uint8Array(paddingAfter(byteLengthOf(tensor))));
    }
  });
}

function encodeHeader(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Uint8Array {
  const header = new ByteGatherer();
  header.u32(0x46554747); // "GGUF"
  header.u32(3);
  header.u64(tensors.length);
  header.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    header.string(key);
    header.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    header.string(tensor.name);
    header.u32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) header.u64(size);
    header.u32(typeNumbers[tensor.type]);
    header.u64(offset);
    const byteLength = byteLengthOf(tensor);
    offset += byteLength + paddingAfter(byteLength);
  }
  return header.bytes();
}

function encode(values: Float32Array, { name, type }: GgufTensor, path: string): ArrayBufferView {
  if (type !== "Q8_0") return float32ToBytes(values, type, name, path);
  const blocks = encodeQ8(values);
  if (blocks) return blocks;
  throw new SafetensorsError("out-of-range", path, name, "a value is NaN, or too large for Q8_0's float16 scale", "Export it as F32.");
}

function elementsOf({ shape }: GgufTensor): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of a tensor in the file, without its padding. */
function byteLengthOf(tensor: GgufTensor): number {
  const elements = elementsOf(tensor);
  return tensor.type === "Q8_0" ? (elements / q8BlockLength) * q8BlockBytes : elements * (tensor.type === "F16" ? 2 : 4);
}

function paddingAfter(length: number): number {
  return (alignment - (length % alignment)) % alignment;
}
