import type { AttentionAttributes } from "./ops/attention.ts";
import type { MatmulAttributes } from "./ops/matmul.ts";
import type { Instruction, Program } from "./program.ts";
import type { TensorSpec } from "./tensor.ts";

/** Floating-point operations of one run, a multiply-add counted as two. */
export interface FlopEstimate {
  readonly total: number;
  /** Of each instruction, by its position in the program. */
  readonly byInstruction: readonly number[];
}

/**
 * Model FLOPs of a program by the convention of Chowdhery et al. 2022 (PaLM, appendix B): matrix products count, all else
 * counts 0; attention counts its full T x T scores although half are masked (a sliding window limits them); work that a
 * backward kernel repeats instead of storing it (scores, logits) does not count. Rows of the head count padding rows too,
 * since only the data tells them apart. Dividing by seconds gives the FLOP/s figure that papers compare.
 */
export function estimateFlops(program: Program): FlopEstimate {
  const byInstruction = program.instructions.map((instruction) => {
    const count = counts[instruction.op];
    return count
      ? count(
          instruction.inputs.map((index) => program.tensors[index]!),
          instruction,
        )
      : 0;
  });
  return { total: byInstruction.reduce((sum, flops) => sum + flops, 0), byInstruction };
}

type Count = (inputs: readonly TensorSpec[], instruction: Instruction) => number;

const attentionProducts = (products: number, queries: number, keys: number, { queryHeads, headDim, window }: AttentionAttributes): number =>
  2 * products * queries * (window > 0 ? Math.min(window, keys) : keys) * queryHeads * headDim;

const counts: Readonly<Record<string, Count>> = {
  matmul: ([a, b], { attributes }) => {
    const { transposeA, transposeB } = attributes as MatmulAttributes;
    const [m, k] = transposeA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    return 2 * m * k * (transposeB ? b!.shape[0]! : b!.shape[1]!);
  },
  // Two products: q k^T and p v. The gradient has twice as many: dv, dp, dq, dk.
  attention: ([q], { attributes }) => selfAttention(2, q!, attributes as AttentionAttributes),
  attentionGrad: ([, q], { attributes }) => selfAttention(4, q!, attributes as AttentionAttributes),
  cachedAttention: ([q, keys], { attributes }) => {
    const attention = attributes as AttentionAttributes;
    return attentionProducts(2, q!.shape[0]!, keys!.shape[0]! / attention.batch, attention);
  },
  linearCrossEntropy: ([, weight, rows]) => headProduct(weight!, rows!),
  linearCrossEntropyGrad: ([, , weight, rows]) => headProduct(weight!, rows!),
  linearCrossEntropyWeightGrad: ([, , weight, rows]) => headProduct(weight!, rows!),
};

function selfAttention(products: number, q: TensorSpec, attributes: AttentionAttributes): number {
  return attentionProducts(products, q.shape[0]!, q.shape[0]! / attributes.batch, attributes);
}

function headProduct(weight: TensorSpec, rows: TensorSpec): number {
  return 2 * rows.shape[0]! * weight.shape[0]! * weight.shape[1]!;
}
