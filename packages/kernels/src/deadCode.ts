import type { Instruction, Program } from "./program.ts";

/**
 * Leaves out instructions whose results nobody reads: an instruction stays when it writes an external tensor, or an
 * activation that a later kept instruction reads. Activations that are left without a use leave the table too; external
 * tensors all stay, so the caller's bindings do not change. A program that needs no change is returned as it is.
 */
export function eliminateDeadCode(program: Program): Program {
  const isExternal = (index: number): boolean => program.tensors[index]!.role !== "activation";
  const live = new Set<number>();
  const kept: Instruction[] = [];
  for (const instruction of program.instructions.toReversed()) {
    if (!instruction.outputs.some((index) => isExternal(index) || live.has(index))) continue;
    // An op writes its outputs whole, so what they held before matters only when it is also an input.
    for (const index of instruction.outputs) live.delete(index);
    for (const index of instruction.inputs) live.add(index);
    kept.push(instruction);
  }
  if (kept.length === program.instructions.length) return program;
  return withoutUnusedActivations({ ...program, instructions: kept.reverse() });
}

function withoutUnusedActivations(program: Program): Program {
  const used = new Set(program.instructions.flatMap((instruction) => [...instruction.inputs, ...instruction.outputs]));
  const newIndex = new Map<number, number>();
  const tensors = program.tensors.filter((tensor, index) => {
    const stays = tensor.role !== "activation" || used.has(index);
    if (stays) newIndex.set(index, newIndex.size);
    return stays;
  });
  const renumber = (indices: readonly number[]): readonly number[] => indices.map((index) => newIndex.get(index)!);
  return {
    name: program.name,
    tensors,
    instructions: program.instructions.map((instruction) => ({
      ...instruction,
      inputs: renumber(instruction.inputs),
      outputs: renumber(instruction.outputs),
    })),
  };
}
