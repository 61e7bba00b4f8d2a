import { CheckpointError } from "./checkpointError.ts";

/** Ways in which a safetensors file, or a tensor to be written to one, can be wrong. */
export type SafetensorsErrorCode =
  | "truncated"
  | "trailing-bytes"
  | "header-too-large"
  | "header-too-long"
  | "bad-header"
  | "bad-json"
  | "bad-metadata"
  | "bad-name"
  | "duplicate-name"
  | "unknown-dtype"
  | "unsupported-dtype"
  | "bad-shape"
  | "bad-offsets"
  | "overlapping-tensors"
  | "hole-between-tensors"
  | "wrong-length"
  | "missing-tensor"
  | "not-convertible"
  | "out-of-range"
  | "closed";

/** A safetensors file that is refused, or a read or write that cannot be done; names the file and the tensor. */
export class SafetensorsError extends CheckpointError {
  override readonly name: string = "SafetensorsError";
  declare readonly code: SafetensorsErrorCode;
  /** The tensor at fault; undefined when the fault is in the header as a whole. */
  readonly tensor: string | undefined;

  constructor(code: SafetensorsErrorCode, file: string, tensor: string | undefined, message: string, hint: string) {
    super(code, file, tensor === undefined ? `${file}: ${message}` : `${file}: tensor "${tensor}": ${message}`, hint);
    this.tensor = tensor;
  }

  /** The file at fault, the same as `path`. */
  get file(): string {
    return this.path;
  }
}
