import type { TokenBatch } from "@sft/mask";

/** A batch of made-up tokens below `vocabulary`, in full rows of which the first third is masked, as bench/pytorchStep.py has them. */
export function maskedTokens(rows: number, length: number, vocabulary: number): TokenBatch {
  const count = rows * length;
  const token = (index: number): number => (index * 7919) % vocabulary;
  const weights = Float32Array.from({ length: count }, (_, index) =>
    index % length < length / 3 || index % length === length - 1 ? 0 : 1,
  );
  const supervisedTokens = weights.reduce((a, b) => a + b, 0);
  return {
    rows,
    length,
    inputIds: Int32Array.from({ length: count }, (_, i) => token(i)),
    targets: Int32Array.from({ length: count }, (_, i) => token(i + 1)),
    positions: Int32Array.from({ length: count }, (_, i) => i % length),
    segments: new Int32Array(count).fill(1),
    weights,
    supervisedTokens,
    weightSum: supervisedTokens,
  };
}
