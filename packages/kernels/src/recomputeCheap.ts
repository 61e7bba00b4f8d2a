import type { Instruction, Program } from "./program.ts";
import type { TensorSpec } from "./tensor.ts";

/**
 * Computes the first outputs of cheap ops again where the backward pass first reads them, instead of keeping them: a norm's or an
 * activation function's result costs one pass over memory. Only where the op's inputs are kept for the backward pass anyway. Pure;
 * the results are the same bits. A program without such results is returned as it is.
 */
export function recomputeCheap(program: Program, ops: ReadonlySet<string>): Program {
  const { instructions } = program;
  const [firstRead, lastRead] = backwardReads(program);
  const writes = new Map<number, number>();
  for (const { outputs } of instructions) for (const output of outputs) writes.set(output, (writes.get(output) ?? 0) + 1);
  const chosen = new Map<number, Instruction>();
  for (const instruction of instructions) {
    const output = instruction.outputs[0]!;
    const position = firstRead.get(output);
    if (instruction.section === "backward" || !ops.has(instruction.op) || position === undefined) continue;
    if (program.tensors[output]!.role !== "activation" || writes.get(output) !== 1) continue;
    const isKept = (input: number): boolean =>
      program.tensors[input]!.role !== "activation" ||
      (!chosen.has(input) && writes.get(input) === 1 && (lastRead.get(input) ?? -1) >= position);
    if (instruction.inputs.every(isKept)) chosen.set(output, instruction);
  }
  if (chosen.size === 0) return program;

  const tensors: TensorSpec[] = [...program.tensors];
  const replacement = new Map<number, number>();
  const again = (index: number): number => {
    const spec = program.tensors[index]!;
    return tensors.push({ ...spec, name: `${spec.name}.again` }) - 1;
  };
  const result = instructions.flatMap((instruction) => {
    if (instruction.section !== "backward") return [instruction];
    const repeated: Instruction[] = [];
    for (const input of instruction.inputs) {
      const source = chosen.get(input);
      if (!source || replacement.has(input)) continue;
      const outputs = source.outputs.map(again);
      replacement.set(input, outputs[0]!);
      repeated.push({ ...source, outputs, section: "backward" });
    }
    return [...repeated, { ...instruction, inputs: instruction.inputs.map((input) => replacement.get(input) ?? input) }];
  });
  return { ...program, tensors, instructions: result };
}

/** Positions of the first and the last instruction of the backward pass that reads each tensor. */
function backwardReads({ instructions }: Program): readonly [first: ReadonlyMap<number, number>, last: ReadonlyMap<number, number>] {
  const [first, last] = [new Map<number, number>(), new Map<number, number>()];
  instructions.forEach(({ section, inputs }, position) => {
    if (section !== "backward") return;
    for (const input of inputs) {
      if (!first.has(input)) first.set(input, position);
      last.set(input, position);
    }
  });
  return [first, last];
}
