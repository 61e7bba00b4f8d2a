import type { TensorDType } from "./tensorDType.ts";

/** A tensor as its file describes it. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: TensorDType;
  /** Sizes of the dimensions, outermost first; empty for a scalar. Elements are row-major, little-endian. */
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/**
 * Named tensors that are read one at a time: one safetensors file, or a folder of shards, behind one interface.
 * Every read throws `SafetensorsError` when there is no such tensor or its file was cut short.
 */
export interface TensorSource extends AsyncDisposable {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The tensor's bytes as stored. The array begins at byte 0 of a buffer of its own. */
  read(name: string): Promise<Uint8Array>;
  /** The bytes `byteStart` (inclusive) to `byteEnd` (exclusive) of one tensor. */
  readRange(name: string, byteStart: number, byteEnd: number): Promise<Uint8Array>;
  /** F32 as stored; F16 and BF16 widened exactly; F64 rounded to nearest. Integers are refused. */
  readFloat32(name: string): Promise<Float32Array>;
  /** I32 as stored; other integers and BOOL converted, refused when a value does not fit. Floats are refused. */
  readInt32(name: string): Promise<Int32Array>;
  close(): Promise<void>;
}

/** A tensor to be written. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  /** Row-major little-endian elements of `dtype`, or a function that fetches them when their turn comes. */
  readonly data: ArrayBufferView | (() => Promise<ArrayBufferView>);
}

/** Tensors to be written, in any order. */
export type TensorsToWrite = Iterable<TensorToWrite> | AsyncIterable<TensorToWrite>;

/** All tensors of a source as tensors to be written, each fetched only when its turn comes. */
export function* tensorsOf(source: TensorSource): Generator<TensorToWrite> {
  for (const { name, dtype, shape } of source.tensors.values()) {
    yield { name, dtype, shape, data: () => source.read(name) };
  }
}
