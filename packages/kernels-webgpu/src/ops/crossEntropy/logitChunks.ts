import { BackendError, byteLength } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { partOfRows, rowBytes, type Operand } from "../../operand.ts";
import { emitCopy } from "../elementwise/arithmetic.ts";
import { emitGatherRows } from "../embedding/gatherRows.ts";
import { emitMatmul } from "../matmul/matmul.ts";
import { chunkSizes, ENOUGH_ROWS, LOGIT_BYTES } from "./chunkSizes.ts";

/** Contiguous extents that matrix units can read are multiples of this. */
const EXTENT = 8;

/** Consecutive supervised rows of which all gradients of the logits are there. */
export interface LogitGroup {
  /** For what is done with these rows: its scratch memory is that of the rows before. */
  readonly emitter: Emitter;
  /** First index into `rows`. */
  readonly first: number;
  /** (rows, H): the hidden states of these rows, zeros for padding. */
  readonly hidden: Operand;
  /**
   * (rows, V): the gradient of the logits. In float32 it takes their place; so it does on matrix units, as (rows, 2V) float16 where
   * each row begins where its logits did, and its second half means nothing. Where groups are longer than chunks it lies apart as
   * (rows, V) float16.
   */
  readonly gradient: Operand;
}

/** Logits of a chunk of supervised rows, before the soft cap; it is a part of a group, or all of it. */
export interface LogitChunk extends LogitGroup {
  /** (V, H): the head as the products read it. */
  readonly head: Operand;
  /** (chunk, V), float32. */
  readonly logits: Operand;
}

/** What logits are computed from: alpha * x[rows] · weight^T. */
export interface LogitSource {
  readonly x: Operand;
  readonly weight: Operand;
  readonly rows: Operand;
  readonly alpha: number;
  /** Rows of a chunk, where memory and the device's limits allow them. */
  readonly chunkRows?: number;
  /** Most rows whose gradients may lie side by side on matrix units. Without it there are as many as a chunk has. */
  readonly gradientRows?: number;
}

/**
 * Gathers the supervised rows chunk by chunk, multiplies them with alpha times the head and hands each chunk on, and each group after
 * the last of its chunks; the memory of one is used again by the next. For matrix units, which round them anyway, the operands of the
 * products are made float16 once.
 */
export function forEachLogitChunk(
  emitter: Emitter,
  { x, weight, rows, alpha, chunkRows: enoughRows = ENOUGH_ROWS, gradientRows = 0 }: LogitSource,
  visit: (chunk: LogitChunk) => void,
  visitGroup: (group: LogitGroup) => void = () => undefined,
): void {
  const count = rows.shape[0]!;
  if (count === 0) return;
  const [vocabulary, width] = weight.shape as [number, number];
  const { maxBindingBytes, matrixUnits } = emitter.limits;
  const half = matrixUnits === true && vocabulary % EXTENT === 0;
  const wanted = { count, vocabulary, hiddenBytes: rowBytes(x), enoughRows, gradientRows: half ? gradientRows : 0 };
  const { chunkRows, groupRows } = chunkSizes(wanted, emitter.limits);
  if (chunkRows === 0) {
    throw new BackendError(
      "unsupported-op",
      `linearCrossEntropy: the logits of one row take ${vocabulary * LOGIT_BYTES} bytes, the device binds ${maxBindingBytes}`,
    );
  }
  const hiddenMemory = emitter.scratch({ shape: [groupRows ?? chunkRows, width], dtype: matrixUnits ? "f16" : x.dtype });
  const logitMemory = emitter.scratch({ shape: [chunkRows, vocabulary], dtype: "f32" });
  const apart = groupRows && emitter.scratch({ shape: [groupRows, vocabulary], dtype: "f16" });
  const inPlace: Operand = half ? { ...logitMemory, dtype: "f16", shape: [chunkRows, 2 * vocabulary] } : logitMemory;
  let head = weight;
  if (matrixUnits && weight.dtype === "f32") {
    head = emitter.scratch({ shape: weight.shape, dtype: "f16" });
    emitCopy(emitter, weight, head);
  }
  const [scratch, groupScratch]: [Operand[], Operand[]] = [[], []];
  for (const group of inParts(0, count, groupRows ?? chunkRows)) {
    for (const chunk of inParts(group.first, group.size, chunkRows)) {
      const chunkEmitter = withScratch(emitter, scratch);
      const inGroup = (operand: Operand): Operand => partOfRows(operand, chunk.first - group.first, chunk.size);
      const hidden = inGroup(hiddenMemory);
      const logits: Operand = { ...logitMemory, shape: [chunk.size, vocabulary] };
      emitGatherRows(emitter, x, rows, chunk.first, hidden);
      emitMatmul(chunkEmitter, { a: hidden, b: head, y: logits }, false, true, alpha);
      visit({ emitter: chunkEmitter, first: chunk.first, hidden, head, logits, gradient: inGroup(apart || inPlace) });
    }
    const [hidden, gradient] = [hiddenMemory, apart || inPlace].map((memory) => partOfRows(memory, 0, group.size));
    visitGroup({ emitter: withScratch(emitter, groupScratch), first: group.first, hidden: hidden!, gradient: gradient! });
  }
}

/** Consecutive parts of `size` rows, the last one of what is left. */
function inParts(first: number, count: number, size: number): readonly { readonly first: number; readonly size: number }[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, part) => ({
    first: first + part * size,
    size: Math.min(size, count - part * size),
  }));
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
