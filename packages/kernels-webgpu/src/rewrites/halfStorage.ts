import type { Program } from "@sft/kernels";
import type { KernelLimits } from "../dispatch.ts";
import { castOperands } from "./halfCasts.ts";
import { halfOperands, type HalfSlots } from "./halfOperands.ts";

/**
 * Stores activations as float16 that matrix units would round to float16 anyway: an activation becomes "f16" where every op that
 * writes or reads it has kernels for that (`halfOperands`). The residual stream, row statistics, losses, gradients of parameters
 * and optimiser state stay float32; large products get copies of them (`castOperands`). Pure; without matrix units the program is returned as it is.
 */
export function storeHalf(program: Program, limits: KernelLimits, table: ReadonlyMap<string, HalfSlots> = halfOperands): Program {
  if (!(limits.halfStorage ?? limits.matrixUnits)) return program;
  const half = halfActivations(program, table);
  const stored: Program = {
    ...program,
    tensors: program.tensors.map((tensor, index) => (half.has(index) ? { ...tensor, dtype: "f16" } : tensor)),
  };
  return castOperands(half.size === 0 ? program : stored);
}

/** Indices of the activations that can be float16. */
function halfActivations(program: Program, table: ReadonlyMap<string, HalfSlots>): ReadonlySet<number> {
  const half = new Set<number>();
  program.tensors.forEach(({ role, dtype }, index) => {
    if (role === "activation" && dtype === "f32") half.add(index);
  });
  for (const { op, inputs, outputs } of program.instructions) {
    const slots = table.get(op);
    inputs.forEach((index, slot) => !slots?.inputs?.includes(slot) && half.delete(index));
    outputs.forEach((index, slot) => !slots?.outputs?.includes(slot) && half.delete(index));
  }
  for (let before = -1; before !== half.size;) {
    before = half.size;
    for (const { op, inputs, outputs } of program.instructions) {
      for (const [output, input] of table.get(op)?.alike ?? []) {
        const pair = [outputs[output]!, inputs[input]];
        if (pair[1] === undefined || pair.every((index) => half.has(index!))) continue;
        for (const index of pair) half.delete(index!);
      }
    }
  }
  return half;
}
