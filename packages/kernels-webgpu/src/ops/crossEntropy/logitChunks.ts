import { BackendError } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { rowBytes, type Operand } from "../../operand.ts";
import { emitGatherRows } from "../embedding/gatherRows.ts";
import { emitMatmul } from "../matmul/matmul.ts";

/** Logits that exist at one time: a thousand rows of the largest vocabularies, so that products fill a large GPU. */
const MAX_LOGIT_BYTES = 512 * 1024 * 1024;
/** A whole number of matmul tiles. */
const ROW_MULTIPLE = 128;

/** Logits of a chunk of supervised rows, before the soft cap. */
export interface LogitChunk {
  /** First index into `rows`. */
  readonly first: number;
  /** (chunk, H): the hidden states of these rows, zeros for padding. */
  readonly hidden: Operand;
  /** (chunk, V). */
  readonly logits: Operand;
}

/**
 * Gathers the supervised rows chunk by chunk, multiplies them with the head and hands each chunk on; the memory of one chunk is
 * used again by the next.
 */
export function forEachLogitChunk(
  emitter: Emitter,
  x: Operand,
  weight: Operand,
  rows: Operand,
  alpha: number,
  visit: (chunk: LogitChunk) => void,
): void {
  const count = rows.shape[0]!;
  const [vocabulary, width] = weight.shape as [number, number];
  const { maxBindingBytes } = emitter.limits;
  const fitting = Math.floor(Math.min(Math.min(MAX_LOGIT_BYTES, maxBindingBytes) / (vocabulary * 4), maxBindingBytes / rowBytes(x)));
  const chunkRows = Math.min(count, fitting >= ROW_MULTIPLE ? fitting - (fitting % ROW_MULTIPLE) : fitting);
  if (count === 0) return;
  if (chunkRows === 0) {
    throw new BackendError(
      "unsupported-op",
      `linearCrossEntropy: the logits of one row take ${vocabulary * 4} bytes, the device binds ${maxBindingBytes}`,
    );
  }
  const hiddenMemory = emitter.scratch({ shape: [chunkRows, width], dtype: "f32" });
  const logitMemory = emitter.scratch({ shape: [chunkRows, vocabulary], dtype: "f32" });
  for (let first = 0; first < count; first += chunkRows) {
    const size = Math.min(chunkRows, count - first);
    const hidden: Operand = { ...hiddenMemory, shape: [size, width] };
    const logits: Operand = { ...logitMemory, shape: [size, vocabulary] };
    emitGatherRows(emitter, x, rows, first, hidden);
    emitMatmul(emitter, { a: hidden, b: weight, y: logits }, false, true, alpha);
    visit({ first, hidden, logits });
  }
}
