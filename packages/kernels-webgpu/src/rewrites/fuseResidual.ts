import type { Instruction, Program } from "@sft/kernels";
import { tensorUses } from "./tensorUses.ts";

/** Ops whose kernels take one input more than the op table says, and add it to their result. */
const ADDS: ReadonlySet<string> = new Set(["rmsNormGrad", "layerNormGrad"]);

/**
 * Lets the kernel of a norm's gradient add it to the residual stream's: an `add` of two activations, one of which is such a result
 * that nobody else reads, becomes a further input of the op. Pure; the sums are the same bits.
 */
export function fuseResidual(program: Program): Program {
  const { instructions } = program;
  const { readsOf, writerOf } = tensorUses(program);
  const fused = new Map<number, Instruction>();
  const gone = new Set<number>();
  instructions.forEach(({ op, inputs, outputs }, position) => {
    if (op !== "add" || writerOf(outputs[0]!) === undefined) return;
    const slot = inputs.findIndex((input, index) => {
      const [source, other] = [writerOf(input), writerOf(inputs[1 - index]!)];
      if (source === undefined || other === undefined || other >= source) return false;
      return ADDS.has(instructions[source]!.op) && !fused.has(source) && readsOf(input) === 1;
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
