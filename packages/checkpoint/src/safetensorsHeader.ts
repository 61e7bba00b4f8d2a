import { SafetensorsError } from "./safetensorsError.ts";
import type { SafetensorsErrorCode } from "./safetensorsError.ts";
import { JsonSyntaxError, parseStrictJson } from "./strictJson.ts";
import { bytesPerElement, dtypesInFileOrder, isTensorDType, unsupportedDTypes } from "./tensorDType.ts";
import type { TensorDType } from "./tensorDType.ts";
import type { TensorInfo } from "./tensorSource.ts";

/** Longest header that the format allows, in bytes. */
export const maxHeaderBytes = 100_000_000;
/** Bytes before the header: its length as an unsigned 64-bit little-endian integer. */
export const prefixBytes = 8;

/** A tensor with its place: bytes `start` to `end` (exclusive), counted from the end of the header. */
export interface PlacedTensor extends TensorInfo {
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const damaged = "The file is damaged or was not written by a safetensors writer; fetch or save it again.";

/** Reads the header's length from the first eight bytes and refuses one that cannot be. */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < prefixBytes) {
    const message = `expected at least ${prefixBytes} bytes, found ${fileBytes}`;
    throw new SafetensorsError("truncated", file, undefined, message, damaged);
  }
  if (new TextDecoder().decode(prefix) === "version ") {
    const message = "this is a Git LFS pointer, which stands for the file and is not it";
    throw new SafetensorsError("header-too-large", file, undefined, message, "Fetch the file itself: git lfs pull in its folder.");
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    const message = `the header claims ${length} bytes; the format allows ${maxHeaderBytes}`;
    throw new SafetensorsError("header-too-large", file, undefined, message, damaged);
  }
  if (Number(length) > fileBytes - prefixBytes) {
    const message = `the header claims ${length} bytes, but only ${fileBytes - prefixBytes} follow its length`;
    throw new SafetensorsError("header-too-long", file, undefined, message, damaged);
  }
  return Number(length);
}

/**
 * Parses and checks a header: `{name: {dtype, shape, data_offsets: [start, end]}, __metadata__?: {string: string}}`.
 * The tensors must tile the `dataBytes` bytes after the header: no overlap, no hole, nothing left over.
 * Throws {@link SafetensorsError} for anything else. Format: https://github.com/huggingface/safetensors
 */
export function parseHeader(header: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const root = parseHeaderJson(header, file);
  let metadata: Record<string, string> = {};
  const tensors: PlacedTensor[] = [];
  for (const [name, entry] of Object.entries(root)) {
    if (name === "__metadata__") metadata = checkMetadata(entry, file);
    else tensors.push(checkTensor(name, entry, file));
  }
  checkTiling(tensors, dataBytes, file);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
}

function parseHeaderJson(header: Uint8Array, file: string): Record<string, unknown> {
  function refuse(code: SafetensorsErrorCode, message: string, tensor?: string): never {
    throw new SafetensorsError(code, file, tensor, message, damaged);
  }
  if (header[0] !== 0x7b) refuse("bad-header", "the header must begin with '{'");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(header);
  } catch {
    return refuse("bad-header", "the header is not valid UTF-8");
  }
  try {
    return parseStrictJson(text) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    if (error.duplicate !== undefined) {
      return refuse("duplicate-name", `the header has a name twice: ${error.message}`, error.duplicate);
    }
    return refuse("bad-json", `the header is not valid JSON: ${error.message}`);
  }
}

function checkMetadata(entry: unknown, file: string): Record<string, string> {
  if (!isObject(entry) || Object.values(entry).some((value) => typeof value !== "string")) {
    const message = "expected __metadata__ to be an object of strings";
    throw new SafetensorsError("bad-metadata", file, undefined, message, damaged);
  }
  return entry as Record<string, string>;
}

function checkTensor(name: string, entry: unknown, file: string): PlacedTensor {
  function refuse(code: SafetensorsErrorCode, message: string, hint: string = damaged): never {
    throw new SafetensorsError(code, file, name, message, hint);
  }
  checkName(name, file);
  if (!isObject(entry)) return refuse("bad-header", "expected an object with dtype, shape and data_offsets");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isTensorDType(dtype)) {
    if (unsupportedDTypes.includes(dtype as string)) {
      const hint = "Convert the model to F32, F16 or BF16 with the tool that quantised it.";
      return refuse("unsupported-dtype", `elements of type ${String(dtype)} cannot be read`, hint);
    }
    const known = `Known types: ${dtypesInFileOrder.join(", ")}.`;
    return refuse("unknown-dtype", `expected a dtype, found ${JSON.stringify(dtype) ?? "none"}`, known);
  }
  const byteLength = byteLengthOf(name, dtype, shape, file);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    return refuse("bad-offsets", `expected data_offsets [start, end], found ${JSON.stringify(offsets) ?? "none"}`);
  }
  const [start, end] = offsets as [number, number];
  if (end - start !== byteLength) {
    const message = `${dtype} [${(shape as number[]).join(", ")}] takes ${byteLength} bytes; data_offsets give ${end - start}`;
    return refuse("wrong-length", message);
  }
  return { name, dtype, shape: shape as number[], byteLength, start, end };
}

/** Refuses names that the reference writer could not have written: reserved, or with half of a surrogate pair. */
export function checkName(name: string, file: string): void {
  if (name === "__metadata__") {
    throw new SafetensorsError("bad-name", file, name, "this name is reserved", "Give the tensor another name.");
  }
  if (/\p{Surrogate}/u.test(name)) {
    const message = "the name holds half of a surrogate pair, which UTF-8 cannot express";
    throw new SafetensorsError("bad-name", file, name, message, "Give the tensor another name.");
  }
}

/** Bytes of a tensor, after checking that its shape is a list of counts whose product a number holds exactly. */
export function byteLengthOf(name: string, dtype: TensorDType, shape: unknown, file: string): number {
  let bytes = bytesPerElement(dtype);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    const message = `expected a shape of whole numbers from 0, found ${JSON.stringify(shape) ?? "none"}`;
    throw new SafetensorsError("bad-shape", file, name, message, damaged);
  }
  for (const size of shape as number[]) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) {
      const message = `the shape [${shape.join(", ")}] holds more bytes than can be counted`;
      throw new SafetensorsError("bad-shape", file, name, message, damaged);
    }
  }
  return bytes;
}

function checkTiling(tensors: readonly PlacedTensor[], dataBytes: number, file: string): void {
  let reached = 0;
  for (const { name, start, end } of [...tensors].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < reached) {
      const message = `begins at byte ${start}, inside a tensor that ends at ${reached}`;
      throw new SafetensorsError("overlapping-tensors", file, name, message, damaged);
    }
    if (start > reached) {
      const message = `begins at byte ${start}; bytes ${reached} to ${start} belong to no tensor`;
      throw new SafetensorsError("hole-between-tensors", file, name, message, damaged);
    }
    if (end > dataBytes) {
      const message = `ends at byte ${end}, but the file holds only ${dataBytes} bytes of data`;
      throw new SafetensorsError("truncated", file, name, message, "The file was cut short; fetch or save it again.");
    }
    reached = end;
  }
  if (reached !== dataBytes) {
    const message = `the last tensor ends at byte ${reached}, but ${dataBytes} bytes of data follow the header`;
    throw new SafetensorsError("trailing-bytes", file, undefined, message, damaged);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0) && (value as number) >= 0;
}
