import type { Instruction, Program } from "@sft/kernels";

/** Ops whose kernels take one input more than the op table says, and add it to their result. */
const ADDS: ReadonlySet<string> = new Set(["rmsNormGrad", "layerNormGrad"]);

/**
 * Lets the kernel of a norm's gradient add it to the residual stream's: an `add` of two activations, one of which is such a result
 * that nobody else reads, becomes a further input of the op. Pure; the sums are the same bits.
 */
export function fuseResidual(program: Program): Program {
  const { instructions, tensors } = program;
  const reads = new Map<number, number>();
  const writers = new Map<number, number[]>();
  instructions.forEach(({ inputs, outputs }, position) => {
    for (const input of inputs) reads.set(input, (reads.get(input) ?? 0) + 1);
    for (const output of outputs) writers.set(output, [...(writers.get(output) ?? []), position]);
  });
  /** Position of the one instruction that writes an activation. */
  const writerOf = (index: number): number | undefined => {
    const positions = writers.get(index) ?? [];
    return tensors[index]!.role === "activation" && positions.length === 1 ? positions[0] : undefined;
  };
  const fused = new Map<number, Instruction>();
  const gone = new Set<number>();
  instructions.forEach(({ op, inputs, outputs }, position) => {
    if (op !== "add" || writerOf(outputs[0]!) === undefined) return;
    const slot = inputs.findIndex((input, index) => {
      const [source, other] = [writerOf(input), writerOf(inputs[1 - index]!)];
      if (source === undefined || other === undefined || other >= source) return false;
      return ADDS.has(instructions[source]!.op) && !fused.has(source) && reads.get(input) === 1;
    });
    if (slot === -1) return;
    const source = writerOf(inputs[slot]!)!;
    fused.set(source, { ...instructions[source]!, inputs: [...instructions[source]!.inputs, inputs[1 - slot]!], outputs });
    gone.add(position);
  });
  if (gone.size === 0) return program;
  return {
    ...program,
    instructions: instructions.map((one, position) => fused.get(position) ?? one).filter((_, position) => !gone.has(position)),
  };
}
