import type { Instruction, Program } from "@sft/kernels";
import { tensorUses } from "./tensorUses.ts";

/** Ops whose kernels write a float16 copy of their result where they are given a second output. */
const COPIES: ReadonlySet<string> = new Set(["rmsNormGrad", "layerNormGrad"]);
/** Instructions between a result and its copy, which takes memory that much longer. */
const FARTHEST = 8;

/**
 * Lets the kernel of a norm's gradient write the float16 copy that products read (`castOperands`) beside the float32 one, so that it
 * needs no launch that reads everything again. Pure; the values are the same bits.
 */
export function fuseCopy(program: Program): Program {
  const { instructions, tensors } = program;
  const { writerOf } = tensorUses(program);
  const fused = new Map<number, Instruction>();
  const gone = new Set<number>();
  instructions.forEach(({ op, inputs, outputs }, position) => {
    if (op !== "cast" || writerOf(outputs[0]!) === undefined || tensors[outputs[0]!]!.dtype !== "f16") return;
    const source = writerOf(inputs[0]!);
    if (source === undefined || source > position || position - source > FARTHEST || fused.has(source)) return;
    const writer = instructions[source]!;
    if (!COPIES.has(writer.op) || tensors[inputs[0]!]!.dtype !== "f32") return;
    fused.set(source, { ...writer, outputs: [...writer.outputs, outputs[0]!] });
    gone.add(position);
  });
  if (gone.size === 0) return program;
  return {
    ...program,
    instructions: instructions.map((one, position) => fused.get(position) ?? one).filter((_, position) => !gone.has(position)),
  };
}
