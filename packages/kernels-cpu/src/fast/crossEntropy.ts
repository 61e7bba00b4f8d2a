import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { Call, Kernel, Operand } from "../kernel.ts";
import * as reference from "../ops/crossEntropy.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { chunkBytes, floatsAt, logitsOf, overChunks, subtract } from "./logitChunks.ts";
import { multiply, operandAt, padded } from "./multiply.ts";

function sumOf(values: Float32Array, start: number, count: number): number {
  let sum = 0;
  for (let index = start; index < start + count; index++) sum += values[index];
  return sum;
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
