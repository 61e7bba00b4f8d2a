import { BackendError, byteLength } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { rowBytes, type Operand } from "../../operand.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { emitGatherRows } from "../embedding/gatherRows.ts";
import { emitMatmul } from "../matmul/matmul.ts";

/** Logits and their gradients that exist at one time. */
const MAX_LOGIT_BYTES = 512 * 1024 * 1024;
/** Rows of logits that fill a large GPU with blocks; more would only take memory. */
export const ENOUGH_ROWS = 512;
/** Bytes of a logit. Its gradient takes its place. */
export const LOGIT_BYTES = 4;
/** Contiguous extents that matrix units can read are multiples of this. */
const EXTENT = 8;
/** A whole number of matmul tiles. */
const ROW_MULTIPLE = 128;

/** Logits of a chunk of supervised rows, before the soft cap. */
export interface LogitChunk {
  /** For what is done with this chunk: its scratch memory is that of the chunk before. */
  readonly emitter: Emitter;
  /** First index into `rows`. */
  readonly first: number;
  /** (chunk, H): the hidden states of these rows, zeros for padding. */
  readonly hidden: Operand;
  /** (V, H): the head as the products read it. */
  readonly head: Operand;
  /** (chunk, V), float32. */
  readonly logits: Operand;
  /**
   * (chunk, V): the gradient of the logits, which takes their place. On matrix units (chunk, 2V) float16: each row begins where its
   * logits did, and its second half means nothing.
   */
  readonly gradient: Operand;
}

/** What logits are computed from: alpha * x[rows] · weight^T. */
export interface LogitSource {
  readonly x: Operand;
  readonly weight: Operand;
  readonly rows: Operand;
  readonly alpha: number;
  /** Rows of a chunk, where memory and the device's limits allow them. */
  readonly chunkRows?: number;
}

/**
 * Gathers the supervised rows chunk by chunk, multiplies them with alpha times the head and hands each chunk on; the memory of one chunk is
 * used again by the next. For matrix units, which round them anyway, the operands of the products are made float16 once.
 */
export function forEachLogitChunk(
  emitter: Emitter,
  { x, weight, rows, alpha, chunkRows: enoughRows = ENOUGH_ROWS }: LogitSource,
  visit: (chunk: LogitChunk) => void,
): void {
  const count = rows.shape[0]!;
  const [vocabulary, width] = weight.shape as [number, number];
  const { maxBindingBytes, matrixUnits } = emitter.limits;
  const fitting = Math.floor(
    Math.min(MAX_LOGIT_BYTES / (vocabulary * LOGIT_BYTES), maxBindingBytes / (vocabulary * LOGIT_BYTES), maxBindingBytes / rowBytes(x)),
  );
  const chunkRows = Math.min(count, enoughRows, fitting >= ROW_MULTIPLE ? fitting - (fitting % ROW_MULTIPLE) : fitting);
  if (count === 0) return;
  if (chunkRows === 0) {
    throw new BackendError(
      "unsupported-op",
      `linearCrossEntropy: the logits of one row take ${vocabulary * 4} bytes, the device binds ${maxBindingBytes}`,
    );
  }
  const hiddenMemory = emitter.scratch({ shape: [chunkRows, width], dtype: matrixUnits ? "f16" : x.dtype });
  const logitMemory = emitter.scratch({ shape: [chunkRows, vocabulary], dtype: "f32" });
  const half = matrixUnits === true && vocabulary % EXTENT === 0;
  let head = weight;
  if (matrixUnits && weight.dtype === "f32") {
    head = emitter.scratch({ shape: weight.shape, dtype: "f16" });
    emitCopy(emitter, weight, head);
  }
  const scratch: Operand[] = [];
  for (let first = 0; first < count; first += chunkRows) {
    const chunkEmitter = withScratch(emitter, scratch);
    const size = Math.min(chunkRows, count - first);
    const hidden: Operand = { ...hiddenMemory, shape: [size, width] };
    const logits: Operand = { ...logitMemory, shape: [size, vocabulary] };
    emitGatherRows(emitter, x, rows, first, hidden);
    emitMatmul(chunkEmitter, { a: hidden, b: head, y: logits }, false, true, alpha);
    const gradient: Operand = half ? { ...logits, dtype: "f16", shape: [size, 2 * vocabulary] } : logits;
    visit({ emitter: chunkEmitter, first, hidden, head, logits, gradient });
  }
}

/** The same emitter, handing out this scratch memory again in the same order where it is large enough. */
function withScratch(emitter: Emitter, scratch: Operand[]): Emitter {
  let used = 0;
  return {
    ...emitter,
    scratch(type) {
      const number = used++;
      const known = scratch[number];
      if (known && byteLength(known) >= byteLength(type)) return { ...type, storage: known.storage };
      return (scratch[number] = emitter.scratch(type));
    },
  };
}
