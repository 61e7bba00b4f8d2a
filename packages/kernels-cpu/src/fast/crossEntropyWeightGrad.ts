import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import { type Kernel, shareOf } from "../kernel.ts";
import * as reference from "../ops/crossEntropy.ts";
import type { WasmFunctions } from "../wasm/instantiate.ts";
import { floatsAt, gather, subtract } from "./logitChunks.ts";
import { multiply, multiplyScratchBytes, operandAt, padded } from "./multiply.ts";

/** Ids of the vocabulary whose logits are there at a time. */
const VOCABULARY_BLOCK = 256;

/** Each thread owns blocks of the vocabulary: it computes their logits over all rows, and from them their rows of dWeight. */
export function fastLinearCrossEntropyWeightGrad(wasm: WasmFunctions): Kernel<LinearCrossEntropyAttributes> {
  const slow = reference.linearCrossEntropyWeightGrad;
  return {
    sharedDoubles: (inputs, attributes) => {
      const [, x, , rows] = inputs;
      return attributes.softcap === 0 ? Math.ceil((rows.shape[0]! * padded(x.shape[1]!)) / 2) : slow.sharedDoubles!(inputs, attributes);
    },
    ownBytes: ([, , weight, rows]) => multiplyScratchBytes(weight) + 4 * rows.shape[0]! * VOCABULARY_BLOCK,
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
        const slopes = call.ownAddress;
        const slopeRow = 4 * VOCABULARY_BLOCK;
        const scratch = slopes + count * slopeRow;
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
              b: operandAt(weight, width, true, first * width),
              y: slopes,
              yRow: slopeRow,
              source: 0,
              sourceRow: 0,
            },
            scratch,
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
            scratch,
          );
        }
      },
    ],
  };
}
