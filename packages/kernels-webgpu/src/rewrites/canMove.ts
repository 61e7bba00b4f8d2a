import type { Program } from "@sft/kernels";

/** Whether any of some tensors is one of others, or may lie in the same memory; `overlap` tells which bound tensors share it. */
export function touching(
  { tensors }: Pick<Program, "tensors">,
  overlap: (a: number, b: number) => boolean,
): (some: readonly number[], others: readonly number[]) => boolean {
  const isActivation = (index: number): boolean => tensors[index]!.role === "activation";
  const same = (a: number, b: number): boolean => a === b || (!isActivation(a) && !isActivation(b) && overlap(a, b));
  return (some, others) => some.some((a) => others.some((b) => same(a, b)));
}

/** Whether the instruction at `from` may as well stand at `to`; `overlap` tells which bound tensors share memory. */
export function canMove(program: Program, from: number, to: number, overlap: (a: number, b: number) => boolean): boolean {
  const { instructions } = program;
  const { inputs, outputs } = instructions[from]!;
  const touch = touching(program, overlap);
  return instructions
    .slice(Math.min(from, to), Math.max(from, to) + 1)
    .every((one) => one === instructions[from] || (!touch(one.outputs, [...inputs, ...outputs]) && !touch(one.inputs, outputs)));
}
