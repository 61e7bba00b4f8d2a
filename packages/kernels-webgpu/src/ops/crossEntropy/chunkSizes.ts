import type { KernelLimits } from "../../dispatch.ts";

/** Logits that exist at one time. */
const MAX_LOGIT_BYTES = 512 * 1024 * 1024;
/** Rows of logits that fill a large GPU with blocks; more would only take memory. */
export const ENOUGH_ROWS = 512;
/** Bytes of a logit. */
export const LOGIT_BYTES = 4;
/** Bytes of a gradient of a logit in float16. */
export const GRADIENT_BYTES = 2;
/** A whole number of matmul tiles; rows of so many of any width in float16 begin where a binding may. */
const ROW_MULTIPLE = 128;

/** How supervised rows are divided. */
export interface ChunkSizes {
  /** Rows whose logits exist at one time; 0 where not even one row's can be bound. */
  readonly chunkRows: number;
  /** Rows whose gradients exist at one time, in float16 beside the logits; where not given they take the place of a chunk's logits. */
  readonly groupRows?: number;
}

/** Shapes and wishes that the sizes follow from. */
export interface ChunkedRows {
  /** Supervised rows. */
  readonly count: number;
  readonly vocabulary: number;
  /** Bytes of a hidden state. */
  readonly hiddenBytes: number;
  /** Rows of a chunk that are as good as more: whole tiles. */
  readonly enoughRows: number;
  /** Most rows of a group; 0 where gradients of several chunks are of no use. */
  readonly gradientRows: number;
}

/** Groups of whole chunks, all of them about as long, where at least two chunks fit. */
export function chunkSizes(
  { count, vocabulary, hiddenBytes, enoughRows, gradientRows }: ChunkedRows,
  { maxBindingBytes }: Pick<KernelLimits, "maxBindingBytes">,
): ChunkSizes {
  const fitting = wholeTiles(
    Math.min(Math.min(MAX_LOGIT_BYTES, maxBindingBytes) / (vocabulary * LOGIT_BYTES), maxBindingBytes / hiddenBytes),
  );
  const chunkRows = Math.min(count, enoughRows, fitting);
  const most = Math.min(gradientRows, maxBindingBytes / (vocabulary * GRADIENT_BYTES), maxBindingBytes / hiddenBytes);
  const mostChunks = Math.floor(most / chunkRows);
  if (count <= chunkRows || mostChunks < 2 || chunkRows === 0 || chunkRows % ROW_MULTIPLE !== 0) return { chunkRows };
  const chunks = Math.ceil(count / chunkRows);
  const chunksOfGroup = Math.ceil(chunks / Math.ceil(chunks / mostChunks));
  return { chunkRows, groupRows: Math.min(count, chunksOfGroup * chunkRows) };
}

function wholeTiles(rows: number): number {
  const whole = Math.floor(rows);
  return whole >= ROW_MULTIPLE ? whole - (whole % ROW_MULTIPLE) : whole;
}
