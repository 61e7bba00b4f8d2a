import type { Program } from "@sft/kernels";

/** Who reads and writes the tensors of a program. */
export interface TensorUses {
  /** How often instructions read a tensor. */
  readonly readsOf: (tensor: number) => number;
  /** Position of the one instruction that writes an activation; undefined for all other tensors. */
  readonly writerOf: (tensor: number) => number | undefined;
}

export function tensorUses({ instructions, tensors }: Program): TensorUses {
  const reads = new Map<number, number>();
  const writers = new Map<number, number[]>();
  instructions.forEach(({ inputs, outputs }, position) => {
    for (const input of inputs) reads.set(input, (reads.get(input) ?? 0) + 1);
    for (const output of outputs) writers.set(output, [...(writers.get(output) ?? []), position]);
  });
  return {
    readsOf: (tensor) => reads.get(tensor) ?? 0,
    writerOf(tensor) {
      const positions = writers.get(tensor) ?? [];
      return tensors[tensor]!.role === "activation" && positions.length === 1 ? positions[0] : undefined;
    },
  };
}
