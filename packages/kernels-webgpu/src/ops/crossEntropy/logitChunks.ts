import { BackendError, byteLength } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { rowBytes, type Operand } from "../../operand.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { emitGatherRows } from "../embedding/gatherRows.ts";
import { emitMatmul } from "../matmul/matmul.ts";

/** Logits and their gradients that exist at one time. */
const MAX_LOGIT_BYTES = 512 * 1024 * 1024;
/** Rows of logits that fill a large GPU with blocks; more would only take memory. */
const ENOUGH_ROWS = 512;
/** Bytes of a logit, with its gradient where that has memory of its own. */
const LOGIT_BYTES = { shared: 4, apart: 6 } as const;
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
  /** (chunk, V): where the gradient of the logits goes. The logits' own memory, or float16 on matrix units. */
  readonly gradient: Operand;
}

/**
 * Gathers the supervised rows chunk by chunk, multiplies them with alpha times the head and hands each chunk on; the memory of one chunk is
 * used again by the next. For matrix units, which round them anyway, the operands of the products are made float16 once.
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
  const { maxBindingBytes, matrixUnits } = emitter.limits;
  const logitBytes = matrixUnits ? LOGIT_BYTES.apart : LOGIT_BYTES.shared;
  const fitting = Math.floor(
    Math.min(MAX_LOGIT_BYTES / (vocabulary * logitBytes), maxBindingBytes / (vocabulary * 4), maxBindingBytes / rowBytes(x)),
  );
  const chunkRows = Math.min(count, ENOUGH_ROWS, fitting >= ROW_MULTIPLE ? fitting - (fitting % ROW_MULTIPLE) : fitting);
  if (count === 0) return;
  if (chunkRows === 0) {
    throw new BackendError(
      "unsupported-op",
      `linearCrossEntropy: the logits of one row take ${vocabulary * 4} bytes, the device binds ${maxBindingBytes}`,
    );
  }
  const hiddenMemory = emitter.scratch({ shape: [chunkRows, width], dtype: matrixUnits ? "f16" : x.dtype });
  const logitMemory = emitter.scratch({ shape: [chunkRows, vocabulary], dtype: "f32" });
  const gradientMemory = matrixUnits ? emitter.scratch({ shape: [chunkRows, vocabulary], dtype: "f16" }) : logitMemory;
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
    visit({ emitter: chunkEmitter, first, hidden, head, logits, gradient: { ...gradientMemory, shape: [size, vocabulary] } });
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
