import { eliminateDeadCode } from "./deadCode.ts";
import type { Instruction, Program } from "./program.ts";
import type { TensorSpec } from "./tensor.ts";

/**
 * Computes results of cheap ops again before each instruction of the backward pass that reads them, so that they live for one use at
 * a time: weights unpacked from 4 bits, say. Only ops whose inputs are all bound tensors qualify, since those are still there. Pure;
 * the results are the same bits. A program without such results is returned as it is.
 */
export function rematerialise(program: Program, ops: ReadonlySet<string>): Program {
  const isBound = (index: number): boolean => program.tensors[index]!.role !== "activation";
  const producer = new Map<number, Instruction>();
  for (const instruction of program.instructions) {
    if (!ops.has(instruction.op) || !instruction.inputs.every(isBound) || instruction.outputs.some(isBound)) continue;
    for (const output of instruction.outputs) producer.set(output, instruction);
  }
  if (producer.size === 0) return program;
  const tensors: TensorSpec[] = [...program.tensors];
  const instructions: Instruction[] = [];
  for (const instruction of program.instructions) {
    if (instruction.section !== "backward") {
      instructions.push(instruction);
      continue;
    }
    const replacement = new Map<number, number>();
    for (const input of instruction.inputs) {
      const source = producer.get(input);
      if (!source || replacement.has(input)) continue;
      const outputs = source.outputs.map((output) => {
        tensors.push({ ...program.tensors[output]!, name: `${program.tensors[output]!.name}.again` });
        replacement.set(output, tensors.length - 1);
        return tensors.length - 1;
      });
      instructions.push({ ...source, outputs, section: "backward" });
    }
    instructions.push({ ...instruction, inputs: instruction.inputs.map((input) => replacement.get(input) ?? input) });
  }
  return eliminateDeadCode({ ...program, tensors, instructions });
}
