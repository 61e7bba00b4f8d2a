import type { Instruction, Program } from "@sft/kernels";
import type { KernelLimits, OpCall, OpEmitter } from "../dispatch.ts";
import { gatedProduct, gatedTile } from "../ops/matmul/gatedProduct.ts";
import { tensorUses } from "./tensorUses.ts";

/** Name of the instruction that stands for both products and the activation. */
const TOGETHER = "gatedProduct";

/** Whether an instruction is one that `fuseGated` writes. */
export function isGatedProduct({ op }: Pick<Instruction, "op">): boolean {
  return op === TOGETHER;
}

/** Kernels of the instructions that `fuseGated` writes, by op. */
export const gatedEmitters: ReadonlyMap<string, OpEmitter> = new Map([[TOGETHER, gatedProduct]]);

/** The two products whose operations an instruction of `fuseGated` does. */
export function productsOfGated({ inputs, outputs, attributes: { alpha }, ...rest }: Instruction): readonly Instruction[] {
  const attributes = { transposeA: false, transposeB: true, alpha: alpha! };
  return [0, 1].map((side) => ({
    ...rest,
    op: "matmul",
    inputs: [inputs[0]!, inputs[1 + side]!],
    outputs: [outputs[side]!],
    attributes,
  }));
}

/**
 * Lets one kernel compute the products of gate and up, which read the same x, and what comes of them, so that neither is read again in
 * the forward pass. Pure; the values are the same bits.
 */
export function fuseGated(program: Program, limits: KernelLimits): Program {
  if (!limits.matrixUnits) return program;
  const { instructions, tensors } = program;
  const { writerOf } = tensorUses(program);
  const replaced = new Map<number, readonly Instruction[]>();
  instructions.forEach((gated, position) => {
    if (gated.op !== "gatedActivation") return;
    const [gate, up] = gated.inputs.map(writerOf);
    if (gate === undefined || up === undefined || gate === up || Math.max(gate, up) > position) return;
    const together = fused(instructions[gate]!, instructions[up]!, gated);
    // The product that comes first may only move down to the second if nothing on the way reads it.
    const [first, second] = [Math.min(gate, up), Math.max(gate, up)];
    const between = instructions.slice(first + 1, second);
    if (!together || replaced.has(first) || replaced.has(second)) return;
    if (between.some(({ inputs }) => inputs.includes(instructions[first]!.outputs[0]!))) return;
    const operands = (indices: readonly number[]) => indices.map((index) => ({ ...tensors[index]!, storage: index }));
    const call: OpCall = { ...together, inputs: operands(together.inputs), outputs: operands(together.outputs) };
    if (writerOf(gated.outputs[0]!) === undefined || gatedTile(limits, call) === undefined) return;
    replaced.set(first, []);
    replaced.set(second, [together]);
    replaced.set(position, []);
  });
  if (replaced.size === 0) return program;
  return { ...program, instructions: instructions.flatMap((one, position) => replaced.get(position) ?? [one]) };
}

/** The instruction for all three, if both products read the same x and have the same form. */
function fused(gate: Instruction, up: Instruction, gated: Instruction): Instruction | undefined {
  const { transposeA, transposeB, alpha } = gate.attributes;
  if (gate.op !== "matmul" || up.op !== "matmul" || transposeA === true || transposeB !== true) return undefined;
  if (gate.inputs.length !== 2 || up.inputs.length !== 2 || gate.inputs[0] !== up.inputs[0]) return undefined;
  if (["transposeA", "transposeB", "alpha"].some((name) => gate.attributes[name] !== up.attributes[name])) return undefined;
  return {
    ...gated,
    op: TOGETHER,
    inputs: [...gate.inputs, up.inputs[1]!],
    outputs: [...gate.outputs, ...up.outputs, ...gated.outputs],
    attributes: { alpha: alpha!, kind: gated.attributes["kind"]! },
  };
}
