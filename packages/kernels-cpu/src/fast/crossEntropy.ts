import type { LinearCrossEntropyAttributes, TensorType } from "@sft/kernels";
import { type Call, type Kernel, type Operand, shareOf } from "../kernel.ts";
import * as reference from "../ops/crossEntropy.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { HALF_MULTIPLY_SCRATCH_BYTES, matrixAt, multiply, MULTIPLY_SCRATCH_BYTES, multiplyScratchBytes, operandAt } from "./multiply.ts";

/** Logits of one chunk of rows are kept to about 16 MiB a thread, and to 128 rows. */
const CHUNK_FLOATS = 4 * 1024 * 1024;
const MOST_ROWS = 128;
const VOCABULARY_BLOCK = 256;

const padded = (count: number): number => Math.ceil(count / 16) * 16;
const chunkRows = (vocabulary: number): number => Math.max(1, Math.min(MOST_ROWS, Math.floor(CHUNK_FLOATS / padded(vocabulary))));

/** Scratch: what `multiply` needs, then one chunk of hidden rows, then its logits. */
function chunkBytes(weight: TensorType): number {
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
function overChunks(
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
function gather(x: Operand, rows: Operand, first: number, count: number, target: Float32Array, stride: number): void {
  const width = x.shape[1];
  for (let r = 0; r < count; r++) {
    const source = rows.data[first + r] * width;
    if (source < 0) target.fill(0, r * stride, r * stride + width);
    else target.set((x.data as Float32Array).subarray(source, source + width), r * stride);
  }
}

const floatsAt = (like: Operand, address: number, length: number): Float32Array => new Float32Array(like.data.buffer, address, length);

function logitsOf(
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

function sumOf(values: Float32Array, start: number, count: number): number {
  let sum = 0;
  for (let index = start; index < start + count; index++) sum += values[index];
  return sum;
}

function subtract(values: Float32Array, start: number, count: number, amount: number): void {
  for (let index = start; index < start + count; index++) values[index] -= amount;
}

/** Soft-capped logits go to the reference, and float16 hidden states, a GPU's storage; a float16 head is decoded block by block. */
function isForReference({ attributes }: Call<LinearCrossEntropyAttributes>, hidden: Operand): boolean {
  return attributes.softcap !== 0 || hidden.data instanceof Uint16Array;
}

export function fastLinearCrossEntropy(wasm: WasmFunctions): Kernel<LinearCrossEntropyAttributes> {
  const [referenceRows, sumOfRows] = reference.linearCrossEntropy.phases;
  return {
    ownBytes: ([, weight]) => chunkBytes(weight),
    phases: [
      (call) => {
        if (isForReference(call, call.inputs[0])) return referenceRows(call);
        const [x, weight, rows, targets] = call.inputs;
        const [, logSumExp, rowLoss] = call.outputs;
        const [vocabulary] = weight.shape;
        overChunks(call, weight, rows, (first, count, chunk) => {
          logitsOf(wasm, call, x, weight, rows, first, count, chunk, call.attributes.alpha);
          const logits = floatsAt(x, chunk.logits, count * padded(vocabulary));
          for (let r = 0; r < count; r++) {
            const row = first + r;
            logSumExp.data[row] = 0;
            rowLoss.data[row] = 0;
            if (rows.data[row] < 0) continue;
            const target = logits[r * padded(vocabulary) + targets.data[row]];
            const sum = call.attributes.labelSmoothing === 0 ? 0 : sumOf(logits, r * padded(vocabulary), vocabulary);
            const address = chunk.logits + r * chunk.logitsRow;
            const largest = wasm.largest(address, 0, vocabulary);
            const total = wasm.exponentials(address, 0, vocabulary, vocabulary, largest);
            const logTotal = largest + Math.log(total);
            logSumExp.data[row] = logTotal;
            rowLoss.data[row] = reference.lossOfRow(logTotal, target, sum, vocabulary, call.attributes);
          }
        });
      },
      sumOfRows,
    ],
  };
}

export function fastLinearCrossEntropyGrad(wasm: WasmFunctions): Kernel<LinearCrossEntropyAttributes> {
  const [clear, referenceRows] = reference.linearCrossEntropyGrad.phases;
  return {
    ownBytes: ([, , weight]) => chunkBytes(weight),
    phases: [
      clear,
      (call) => {
        if (isForReference(call, call.inputs[1])) return referenceRows(call);
        const [dLoss, x, weight, rows, targets, weights, logSumExp] = call.inputs;
        const [dx] = call.outputs;
        const [vocabulary, width] = weight.shape;
        const { labelSmoothing, zLoss } = call.attributes;
        overChunks(call, weight, rows, (first, count, chunk) => {
          logitsOf(wasm, call, x, weight, rows, first, count, chunk, call.attributes.alpha);
          const logits = floatsAt(x, chunk.logits, count * padded(vocabulary));
          for (let r = 0; r < count; r++) {
            const row = first + r;
            const address = chunk.logits + r * chunk.logitsRow;
            const factor = call.attributes.alpha * dLoss.data[0] * weights.data[row];
            wasm.exponentials(address, 0, vocabulary, vocabulary, logSumExp.data[row]);
            wasm.scaleRow(address, vocabulary, factor * (1 + 2 * zLoss * logSumExp.data[row]));
            if (labelSmoothing > 0) subtract(logits, r * padded(vocabulary), vocabulary, (factor * labelSmoothing) / vocabulary);
            logits[r * padded(vocabulary) + targets.data[row]] -= factor * (1 - labelSmoothing);
          }
          multiply(
            wasm,
            {
              m: count,
              n: width,
              k: vocabulary,
              alpha: 1,
              a: { address: chunk.logits, row: chunk.logitsRow, column: 4 },
              b: operandAt(weight, width, false),
              y: chunk.hidden,
              yRow: chunk.hiddenRow,
              source: 0,
              sourceRow: 0,
            },
            call.ownAddress,
          );
          const gradients = floatsAt(x, chunk.hidden, count * padded(width));
          for (let r = 0; r < count; r++) {
            const target = rows.data[first + r] * width;
            if (target >= 0) dx.data.set(gradients.subarray(r * padded(width), r * padded(width) + width), target);
          }
        });
      },
    ],
  };
}

/** Each thread owns blocks of the vocabulary: it computes their logits over all rows, and from them their rows of dWeight. */
export function fastLinearCrossEntropyWeightGrad(wasm: WasmFunctions): Kernel<LinearCrossEntropyAttributes> {
  const slow = reference.linearCrossEntropyWeightGrad;
  return {
    sharedDoubles: (inputs, attributes) => {
      const [, x, , rows] = inputs;
      return attributes.softcap === 0 ? Math.ceil((rows.shape[0]! * padded(x.shape[1]!)) / 2) : slow.sharedDoubles!(inputs, attributes);
    },
    ownBytes: ([, , , rows]) => MULTIPLY_SCRATCH_BYTES + 4 * rows.shape[0]! * VOCABULARY_BLOCK,
    phases: [
      (call) => {
        if (call.attributes.softcap !== 0) return slow.phases[0](call);
        const [, x, , rows] = call.inputs;
        const stride = padded(x.shape[1]);
        const [from, to] = shareOf(rows.data.length, call);
        gather(x, rows, from, to - from, floatsAt(x, call.sharedAddress + 4 * from * stride, (to - from) * stride), stride);
      },
      (call) => {
        if (call.attributes.softcap !== 0) return slow.phases[1](call);
        const [dLoss, x, weight, rows, targets, weights, logSumExp, addend] = call.inputs;
        const [dWeight] = call.outputs;
        const [vocabulary, width] = weight.shape;
        const { labelSmoothing, zLoss } = call.attributes;
        const count = rows.data.length;
        const slopes = call.ownAddress + MULTIPLY_SCRATCH_BYTES;
        const slopeRow = 4 * VOCABULARY_BLOCK;
        const hidden = { address: call.sharedAddress, row: 4 * padded(width), column: 4 };
        const logits = floatsAt(x, slopes, count * VOCABULARY_BLOCK);
        const [from, to] = shareOf(Math.ceil(vocabulary / 16), call);
        for (let first = from * 16; first < Math.min(vocabulary, to * 16); first += VOCABULARY_BLOCK) {
          const ids = Math.min(VOCABULARY_BLOCK, Math.min(vocabulary, to * 16) - first);
          multiply(
            wasm,
            {
              m: count,
              n: ids,
              k: width,
              alpha: call.attributes.alpha,
              a: hidden,
              b: matrixAt(weight.address + 4 * first * width, width, true),
              y: slopes,
              yRow: slopeRow,
              source: 0,
              sourceRow: 0,
            },
            call.ownAddress,
          );
          for (let r = 0; r < count; r++) {
            const factor = rows.data[r] < 0 ? 0 : call.attributes.alpha * dLoss.data[0] * weights.data[r];
            wasm.exponentials(slopes + r * slopeRow, 0, ids, ids, logSumExp.data[r]);
            wasm.scaleRow(slopes + r * slopeRow, ids, factor * (1 + 2 * zLoss * logSumExp.data[r]));
            if (labelSmoothing > 0) subtract(logits, r * VOCABULARY_BLOCK, ids, (factor * labelSmoothing) / vocabulary);
            const target = targets.data[r] - first;
            if (target >= 0 && target < ids) logits[r * VOCABULARY_BLOCK + target] -= factor * (1 - labelSmoothing);
          }
          const start = 4 * first * width;
          multiply(
            wasm,
            {
              m: ids,
              n: width,
              k: count,
              alpha: 1,
              a: { address: slopes, row: 4, column: slopeRow },
              b: hidden,
              y: dWeight.address + start,
              yRow: 4 * width,
              source: addend ? addend.address + start : 0,
              sourceRow: 4 * width,
            },
            call.ownAddress,
          );
        }
      },
    ],
  };
}
