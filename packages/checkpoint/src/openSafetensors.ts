import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { readFailure } from "./checkpointError.ts";
import { bytesToFloat32, bytesToInt32 } from "./convertTensor.ts";
import { SafetensorsError } from "./safetensorsError.ts";
import { parseHeader, parseHeaderLength, prefixBytes } from "./safetensorsHeader.ts";
import type { PlacedTensor } from "./safetensorsHeader.ts";
import type { TensorSource } from "./tensorSource.ts";

/** An open safetensors file. Only the header is in memory; each read fetches the bytes it needs. */
export interface SafetensorsFile extends TensorSource {
  readonly path: string;
  /** The file's `__metadata__`; empty when it has none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Largest single read, under the 2 GiB that one system call moves. */
const chunkBytes = 1 << 30;

/**
 * Opens a safetensors file and checks all of its header before any tensor is read.
 * Throws `SafetensorsError` when the file is malformed and `CheckpointError` when it cannot be read.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { size } = await handle.stat();
    const prefix = await readBytes(handle, 0, Math.min(prefixBytes, size), path);
    const headerLength = parseHeaderLength(prefix, size, path);
    const dataStart = prefixBytes + headerLength;
    const header = await readBytes(handle, prefixBytes, headerLength, path);
    const { tensors, metadata } = parseHeader(header, size - dataStart, path);
    return readerOf(handle, path, dataStart, tensors, metadata);
  } catch (error) {
    await handle?.close();
    throw readFailure(error, path);
  }
}

function readerOf(
  handle: FileHandle,
  path: string,
  dataStart: number,
  tensors: ReadonlyMap<string, PlacedTensor>,
  metadata: Readonly<Record<string, string>>,
): SafetensorsFile {
  let closed = false;

  function find(name: string): PlacedTensor {
    if (closed) throw new SafetensorsError("closed", path, name, "the file is closed", "Read before close().");
    const tensor = tensors.get(name);
    if (tensor !== undefined) return tensor;
    const hint = `The file holds ${tensors.size} tensors; list them with .tensors.keys().`;
    throw new SafetensorsError("missing-tensor", path, name, "there is no such tensor", hint);
  }

  async function readRange(name: string, byteStart: number, byteEnd: number): Promise<Uint8Array> {
    const { start, byteLength } = find(name);
    if (!(Number.isSafeInteger(byteStart) && byteStart >= 0 && byteStart <= byteEnd && byteEnd <= byteLength)) {
      const message = `bytes ${byteStart} to ${byteEnd} are not within its ${byteLength} bytes`;
      throw new SafetensorsError("out-of-range", path, name, message, "Ask for a range inside the tensor.");
    }
    return readBytes(handle, dataStart + start + byteStart, byteEnd - byteStart, path, name);
  }

  async function read(name: string): Promise<Uint8Array> {
    return readRange(name, 0, find(name).byteLength);
  }

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await handle.close();
  }

  return {
    path,
    tensors,
    metadata,
    read,
    readRange,
    readFloat32: async (name) => bytesToFloat32(find(name), await read(name), path),
    readInt32: async (name) => bytesToInt32(find(name), await read(name), path),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function readBytes(handle: FileHandle, position: number, length: number, file: string, tensor?: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const chunk = Math.min(chunkBytes, length - done);
    const { bytesRead } = await handle.read(bytes, done, chunk, position + done).catch((error: unknown) => {
      throw readFailure(error, file);
    });
    if (bytesRead === 0) {
      const message = `expected ${length} bytes at byte ${position}, found ${done}`;
      throw new SafetensorsError("truncated", file, tensor, message, "The file was cut short while it was read.");
    }
    done += bytesRead;
  }
  return bytes;
}
