import type { LinearCrossEntropyAttributes, TensorType } from "@sft/kernels";
import { type Call, type Operand, shareOf } from "../kernel.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { HALF_MULTIPLY_SCRATCH_BYTES, multiply, MULTIPLY_SCRATCH_BYTES, multiplyScratchBytes, operandAt, padded } from "./multiply.ts";

/** Logits of one chunk of rows are kept to about 16 MiB a thread, and to 128 rows. */
const CHUNK_FLOATS = 4 * 1024 * 1024;
const MOST_ROWS = 128;

const chunkRows = (vocabulary: number): number => Math.max(1, Math.min(MOST_ROWS, Math.floor(CHUNK_FLOATS / padded(vocabulary))));

/** Scratch: what `multiply` needs, then one chunk of hidden rows, then its logits. */
export function chunkBytes(weight: TensorType): number {
  const [vocabulary, width] = weight.shape;
  return multiplyScratchBytes(weight) + 4 * chunkRows(vocabulary!) * (padded(width!) + padded(vocabulary!));
}

interface Chunk {
  readonly hidden: number;
  readonly logits: number;
  readonly hiddenRow: number;
  readonly logitsRow: number;
}

/** Goes through this part's supervised rows in chunks; `visit` gets the first row of the chunk and its length. */
export function overChunks(
  call: Call<LinearCrossEntropyAttributes>,
  weight: Operand,
  rows: Operand,
  visit: (first: number, count: number, chunk: Chunk) => void,
): void {
  const [vocabulary, width] = weight.shape;
  const size = chunkRows(vocabulary);
  const hidden = call.ownAddress + (weight.data instanceof Uint16Array ? HALF_MULTIPLY_SCRATCH_BYTES : MULTIPLY_SCRATCH_BYTES);
  const chunk = { hidden, logits: hidden + 4 * size * padded(width), hiddenRow: 4 * padded(width), logitsRow: 4 * padded(vocabulary) };
  const [from, to] = shareOf(rows.data.length, call);
  for (let first = from; first < to; first += size) visit(first, Math.min(size, to - first), chunk);
}

/** Copies rows[first..first+count-1] of x next to each other; padding rows become zeros. */
export function gather(x: Operand, rows: Operand, first: number, count: number, target: Float32Array, stride: number): void {
  const width = x.shape[1];
  for (let r = 0; r < count; r++) {
    const source = rows.data[first + r] * width;
    if (source < 0) target.fill(0, r * stride, r * stride + width);
    else target.set((x.data as Float32Array).subarray(source, source + width), r * stride);
  }
}

export const floatsAt = (like: Operand, address: number, length: number): Float32Array =>
  new Float32Array(like.data.buffer, address, length);

export function logitsOf(
  wasm: WasmFunctions,
  call: Call,
  x: Operand,
  weight: Operand,
  rows: Operand,
  first: number,
  count: number,
  chunk: Chunk,
  alpha: number,
): void {
  const [vocabulary, width] = weight.shape;
  gather(x, rows, first, count, floatsAt(x, chunk.hidden, count * padded(width)), padded(width));
  multiply(
    wasm,
    {
      m: count,
      n: vocabulary,
      k: width,
      alpha,
      a: { address: chunk.hidden, row: chunk.hiddenRow, column: 4 },
      b: operandAt(weight, width, true),
      y: chunk.logits,
      yRow: chunk.logitsRow,
      source: 0,
      sourceRow: 0,
    },
    call.ownAddress,
  );
}

/** Takes `amount` from elements [start, start + count): what label smoothing adds to each slope. */
export function subtract(values: Float32Array, start: number, count: number, amount: number): void {
  for (let index = start; index < start + count; index++) values[index] -= amount;
}
