import type { Program } from "@sft/kernels";

/** Whether the instruction at `from` may as well stand at `to`; `overlap` tells which bound tensors share memory. */
export function canMove({ instructions, tensors }: Program, from: number, to: number, overlap: (a: number, b: number) => boolean): boolean {
  const { inputs, outputs } = instructions[from]!;
  const isActivation = (index: number): boolean => tensors[index]!.role === "activation";
  const same = (a: number, b: number): boolean => a === b || (!isActivation(a) && !isActivation(b) && overlap(a, b));
  const touch = (some: readonly number[], others: readonly number[]): boolean => some.some((a) => others.some((b) => same(a, b)));
  return instructions
    .slice(Math.min(from, to), Math.max(from, to) + 1)
    .every((one) => one === instructions[from] || (!touch(one.outputs, [...inputs, ...outputs]) && !touch(one.inputs, outputs)));
}
